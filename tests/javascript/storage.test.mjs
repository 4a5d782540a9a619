// What the page remembers in the browser comes back, and a browser that keeps nothing stops no part of the page.
import assert from "node:assert/strict";
import test from "node:test";
import { inBrowser, inTab } from "../../playground/components/basics/storage.js";

/** A stand-in for a storage of the browser. */
function storage(kept = new Map()) {
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => void kept.set(key, String(text)) };
}

function inWindow(storages, act) {
  globalThis.window = storages;
  try {
    act();
  } finally {
    delete globalThis.window;
  }
}

test("texts and values come back from the storage in which they were kept", () => {
  inWindow({ localStorage: storage(), sessionStorage: storage() }, () => {
    inBrowser.keepText("theme", "dark");
    inTab.keep("runs", ["a", "b"]);
    assert.equal(inBrowser.text("theme"), "dark");
    assert.deepEqual(inTab.value("runs"), ["a", "b"]);
    assert.equal(inTab.text("theme"), null);
    assert.equal(inBrowser.value("runs"), null);
  });
});

test("a text that an older page left is no value", () => {
  inWindow({ localStorage: storage(new Map([["runs", "no JSON"]])) }, () => {
    assert.equal(inBrowser.value("runs"), null);
  });
});

test("a full storage and a missing one remember nothing, without an error", () => {
  const full = () => {
    throw new Error("QuotaExceededError");
  };
  inWindow({ localStorage: { ...storage(), setItem: full } }, () => {
    inBrowser.keep("runs", []);
    inTab.keepText("theme", "dark");
    assert.equal(inBrowser.value("runs"), null);
    assert.equal(inTab.text("theme"), null);
  });
});
