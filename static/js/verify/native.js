/*
 * Lets the browser's own Ed25519 answer where it has one: several times as fast as ours. Without it (plain http, older phones)
 * nothing changes, and curve.js answers. This script alone may be missing.
 */
(function (MZ) {
  "use strict";

  const PATIENCE_MS = 1000; // then we compute it ourselves

  function ask(subtle, question) {
    return subtle
      .importKey("raw", question.publicKey, { name: "Ed25519" }, false, ["verify"])
      .then(function (key) {
        return subtle.verify({ name: "Ed25519" }, key, question.signature, question.message);
      })
      .then(function (isGood) {
        MZ.foreseeEd25519(question.publicKey, question.message, question.signature, isGood);
      });
  }

  /* Calls `done` once, when the browser has answered for every signature of `bytes` that is by one of `keys`, or cannot. */
  MZ.foresee = function (bytes, keys, done) {
    const subtle = self.isSecureContext && self.crypto && self.crypto.subtle;
    const questions = subtle ? MZ.questionsOf(bytes, keys) : [];
    let isDone = false;
    function once() {
      if (!isDone) {
        isDone = true;
        done();
      }
    }
    if (questions.length === 0) {
      once();
      return;
    }
    setTimeout(once, PATIENCE_MS);
    const asked = questions.map(function (question) {
      return ask(subtle, question);
    });
    Promise.all(asked).then(once, once);
  };
})((self.MZ = self.MZ || {}));
