// Starts the behaviour named in each data-module attribute. Pages are complete without any of them.
import * as camera from "./camera.js";
import * as chosen from "./chosen.js";
import * as confirm from "./confirm.js";
import * as copy from "./copy.js";
import * as countdown from "./countdown.js";
import * as demo from "./demo.js";
import * as focus from "./focus.js";
import * as form from "./form.js";
import * as keys from "./keys.js";
import * as lock from "./lock.js";
import * as offline from "./offline.js";
import * as place from "./place.js";
import * as poll from "./poll.js";
import * as print from "./print.js";
import * as screenCall from "./screen-call.js";
import * as screenVoice from "./screen-voice.js";

const modules = { camera, chosen, confirm, copy, countdown, demo, focus, form, keys, lock, offline, place, poll, print, "screen-call": screenCall, "screen-voice": screenVoice };

export function startWithin(root) {
  for (const element of root.querySelectorAll("[data-module]")) {
    for (const name of element.dataset.module.split(" ")) {
      if (modules[name]) modules[name].start(element, startWithin);
    }
  }
}

startWithin(document);
