// A called number on the board: hands its call to the voice. The board is drawn anew every few seconds, the voice knows which
// calls it has read.
import { call } from "./screen-voice.js";

export function start(row) {
  call(row.dataset.call, row.dataset.zh, row.dataset.en);
}
