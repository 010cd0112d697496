// Browsers refuse workers to pages opened from disk, and the search is one. Here a hidden frame does its work.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.inside = this.frame.contentWindow;
      this.inside.document.open();
      this.inside.document.write("<!doctype html><body></body>");
      this.inside.document.close();
      this.inside.importScripts = (...urls) =>
        urls.reduce((before, next) => before.then(() => this.load(next)), Promise.resolve());
      this.inside.postMessage = (data) => setTimeout(() => this.tell(this, data));
      this.ready = this.load(url);
    }
    load(url) {
      return new Promise((resolve, reject) => {
        const script = this.inside.document.createElement("script");
        Object.assign(script, { src: new URL(url, location.href), onload: resolve, onerror: reject });
        this.inside.document.body.append(script);
      });
    }
    tell(target, data) {
      const event = new MessageEvent("message", { data: structuredClone(data) });
      target.dispatchEvent(event);
      if (target === this) this.onmessage?.(event);
    }
    postMessage(data) {
      this.ready.then(() => this.tell(this.inside, data));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
