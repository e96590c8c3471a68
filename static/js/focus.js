// Takes the reader to the summary of what is to be changed.
export function start(element) {
  element.focus();
}
