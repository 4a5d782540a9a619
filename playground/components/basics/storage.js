// What the page remembers in the browser: `inBrowser` for good and in all its tabs, `inTab` until the tab is closed.

class Storage {
  /** name: of the storage among the properties of `window`. */
  constructor(name) {
    this.name = name;
  }

  /** The text that stands under a key; null if there is none. */
  text(key) {
    try {
      return window[this.name].getItem(key);
    } catch {
      return null; // outside of a page, as in tests: in one, before_paint.js makes sure of the storage
    }
  }

  keepText(key, text) {
    try {
      window[this.name].setItem(key, text);
    } catch {
      // the storage is full: not remembered, but the page works
    }
  }

  /** The value that `keep` was given; null if there is none, or if something else stands there. */
  value(key) {
    try {
      return JSON.parse(this.text(key));
    } catch {
      return null;
    }
  }

  keep(key, value) {
    this.keepText(key, JSON.stringify(value));
  }
}

export const inBrowser = new Storage("localStorage");
export const inTab = new Storage("sessionStorage");
