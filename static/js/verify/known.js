/*
 * Known answers: a receipt that is good and two that are not, each with one byte changed. A browser that says otherwise computes
 * wrongly, and must not judge anybody's receipt. The keys are those of tests/ledger/made.py, and sign nothing else.
 */
(function (MZ) {
  "use strict";

  const KEY = "log.example/one+752d45a7+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
  const POLICY = "witness W w.example+3e6d1c1c+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs\nquorum W\n";
  const RECEIPT = [
    "c2sp.org/tlog-proof@v1",
    "extra ARERERERERERERERERERERERERERERERERERERERERERAHN7ImF0IjoiMjAyNi0wMy0wMlQwMToyMzo0NS42NzhaIiwiaWQiOiIwMTk1NTQ3YS0zYzJlLTcwMDAtODAwMC0wMTIzNDU2Nzg5YWIiLCJ0eXBlIjoiYXBwb2ludG1lbnQuY2hlY2tlZF9pbiIsInYiOjF9IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiJ7ImFjdG9yIjp7ImtpbmQiOiJwYXRpZW50IiwicmVmIjoiclo1dFl4MGNRMnFrMW1CN3VOM3ZXZyIsInJvbGUiOiJzZWxmIn0sImRldGFpbCI6eyJjbGluaWMiOiLlhoXnp5EiLCJ0aWNrZXQiOiJBMDAxIn0sIm9iamVjdHMiOlt7ImRpZ2VzdCI6IjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAiLCJpZCI6IngiLCJ0eXBlIjoiYXBwb2ludG1lbnQiLCJ2ZXJzaW9uIjoyfV0sInByZXYiOm51bGwsInNlcSI6MSwic3ViamVjdCI6IkprM25UOXdRNXJZN2FMMnBYMGNWYmcifQ==",
    "index 5",
    "hnwurVr4nTUVkEcYMdZWHpDpRYq08gMYID7bAotq7rQ=",
    "W6uJi984hclFwMAArcgMEhqHjpvN/sc+DGL4kil1uEw=",
    "oniQBh9hg9YUpo1XDLzeMKmo71m/xKRgQTLzZiU9/ek=",
    "PvFDtxP6zwbLa3IZLxOOA0GJHyepKmdZ1szu0Cz+wMQ=",
    "",
    "log.example/one",
    "11",
    "ydpClmgF8pb1iKBQ/llBpC+7HSxIWa2lslZAE44DTDw=",
    "",
    "\u2014 log.example/one dS1Fp/xYXEBlng22HL0Xsbe7seohotKp5uPmAkuLfemU0oe3E0smD1aOAVRpZY9/TYEiBCKtMKb03Y0pO+frcIX23wo=",
    "\u2014 w.example Pm0cHAAAAABpVGeA9QeNo6FznY4bQJty16laC0BLo2LM+eTb8W2GP78HoLjVCi8aPkQ6mF3i0Se6IjNkKlXKfYW4Q9Foez5DrWIpDA==",
    ""
  ].join("\n");

  /* Which parts are changed, by MZ.tamper's turns: one that breaks the path alone, one that breaks the signature alone. */
  const EVENT = 0;
  const SIGNATURE = 5;

  /*
   * Judges one after the other, each when `later` calls, so that nobody's press waits for more than one of them. Calls `done`
   * with the result for the good receipt, or with null where an answer was not the known one.
   */
  MZ.checkKnown = function (later, done) {
    const good = MZ.utf8(RECEIPT);
    const cases = [
      { ok: true, read: function () { return good; } },
      { ok: false, read: function () { return MZ.tamper(good, EVENT, 0).bytes; } },
      { ok: false, read: function () { return MZ.tamper(good, SIGNATURE, 0).bytes; } }
    ];
    let first = null;

    /* What throws has not said no. */
    function orNot(step) {
      try {
        step();
      } catch (error) {
        done(null);
      }
    }

    function next() {
      orNot(function () {
        const known = cases.shift();
        const bytes = known.read();
        const against = { policy: MZ.parsePolicy(POLICY) };

        function judge() {
          const result = MZ.verifyReceipt(bytes, [KEY], against);
          first = first || result;
          if (result.ok !== known.ok) {
            done(null);
          } else if (cases.length > 0) {
            later(next);
          } else {
            done(first);
          }
        }
        if (MZ.foresee) {
          MZ.foresee(bytes, MZ.keysFor([KEY], against.policy), orNot.bind(null, judge));
        } else {
          judge();
        }
      });
    }
    later(next);
  };
})((self.MZ = self.MZ || {}));
