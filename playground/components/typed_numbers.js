// Gradio draws a number that was typed into its slider's bounds when the box is left, without a word.
// It stays as it was typed: a value beyond the slider may be fine, and the estimate says if it is not.

export function keepTypedNumbers() {
  const keep = (event) => {
    if (event.target.matches?.('.block input[type="number"]')) event.stopImmediatePropagation();
  };
  document.addEventListener("blur", keep, true);
}
