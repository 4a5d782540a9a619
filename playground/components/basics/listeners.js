// Functions that want to hear of news, each for as long as the node that it fills is on the page.

export class Listeners {
  constructor() {
    this.nodes = new Map(); // function -> node, or undefined
  }

  add(fn, node) {
    this.nodes.set(fn, node);
    return () => this.nodes.delete(fn);
  }

  /** Forgets the functions whose node has left the page; returns whether any function is left. */
  prune() {
    for (const [fn, node] of this.nodes) if (node && !node.isConnected) this.nodes.delete(fn);
    return this.nodes.size > 0;
  }

  call(...news) {
    this.prune();
    for (const fn of [...this.nodes.keys()]) {
      try {
        fn(...news);
      } catch (error) {
        console.error(error); // one listener that fails must not silence the others
      }
    }
  }
}
