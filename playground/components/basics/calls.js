// Calls of the server functions that Gradio gives a component.

const PATIENCE_MS = 10000; // a call that takes longer counts as missed

/** The sentence for a call that was missed. */
export const NO_ANSWER = "The server does not answer. Try again in a moment.";

/** Calls `server[name](...data)`; resolves to null when the server fails, is gone or is too slow. */
export async function ask(server, name, data, patience = PATIENCE_MS) {
  let timer = 0;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, patience, null);
  });
  try {
    return (await Promise.race([server[name](...data), late])) ?? null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
