/*
 * Where a receipt to check comes from: a file, several, a photo of a code, what is pasted, the camera, or the address of the page; and
 * by whose keys it is checked. Draws nothing itself: receipt-check.js answers. Nothing leaves the device.
 *
 * The camera and photos are read by jsQR, which is fetched when it is first needed, or is in a saved page already.
 */
(function (MZ) {
  "use strict";

  const LARGEST_FILE = 2000000; // bytes of a receipt
  const LARGEST_PHOTO = 40000000;
  const LOOK_EVERY_MS = 200;
  const WIDEST = 1600; // pixels that the camera's picture is shrunk to: a large code has some 150 modules a side
  const PHOTO_WIDTHS = [1600, 1000, 2600]; // what is unreadable at one size often reads at another

  /* `check` answers; `own` is what the page itself holds receipts against. */
  MZ.ReceiptInput = function (form, check, own) {
    this.form = form;
    this.check = check;
    this.own = own;
    this.words = check.words;
    this.file = form.querySelector("[data-file]");
    this.paste = form.querySelector("[data-paste]");
    this.keys = form.querySelector("[data-their-keys]");
    this.record = form.querySelector("[data-their-record]");
    this.complaint = form.querySelector("[data-complaint]");
    this.listen();
    this.offerCamera(form.querySelector("[data-scan]"));
    form.hidden = false;
  };
  const Input = MZ.ReceiptInput;

  Input.prototype.listen = function () {
    const input = this;
    this.form.addEventListener("submit", function (event) {
      event.preventDefault();
      input.choose();
    });
    this.file.addEventListener("change", function () {
      input.paste.value = ""; // the newest choice counts
      input.choose();
    });
    this.paste.addEventListener("input", function () {
      input.file.value = "";
    });
    self.addEventListener("hashchange", function () {
      input.takeAddress();
    });
  };

  Input.prototype.complain = function (words) {
    this.complaint.textContent = words;
    if (words) {
      this.check.many.clear();
      this.check.say("");
    }
  };

  function readAll(file, how, done) {
    const reader = new FileReader();
    reader.onload = function () {
      done(reader.result);
    };
    reader[how](file);
  }

  /* A clipboard may bring other line ends and lose the last one; a file is taken byte for byte. */
  function bytesOfPaste(text) {
    const whole = text.replace(/\r\n?/g, "\n").replace(/[\ud800-\udfff]/gu, "?").trim();
    return MZ.utf8(whole + "\n");
  }

  /* -- By whose keys -- */

  /* Returns {keys, policy, record, isStrict} for the reader's own keys, a list or a policy; throws MZ.Malformed. */
  function againstTheirs(text) {
    const whole = text.replace(/\r\n?/g, "\n").trim() + "\n";
    if (MZ.isPolicy(whole)) {
      const policy = MZ.parsePolicy(whole);
      const keys = policy.logs.filter(Boolean).map(function (key) {
        return key.text;
      });
      return { keys: keys, policy: policy, record: null, isStrict: true };
    }
    const keys = whole.split(/\s+/).filter(Boolean);
    keys.forEach(MZ.parseKey);
    return { keys: keys, policy: null, record: null, isStrict: true };
  }

  /* Calls `done` with what the receipt is to be held against, or complains. */
  Input.prototype.readAgainst = function (done) {
    const record = this.record && this.record.files[0];
    let against = this.own;
    if (this.keys && this.keys.value.trim()) {
      try {
        against = againstTheirs(this.keys.value);
      } catch (error) {
        this.complain(this.words.no_keys);
        return;
      }
      if (against.keys.length === 0) {
        against.keys = this.own.keys; // a policy that names witnesses only
      }
    }
    against = { keys: against.keys, policy: against.policy, record: null, isStrict: against.isStrict };
    if (!record) {
      done(against);
    } else if (record.size > LARGEST_FILE) {
      this.complain(this.words.too_large);
    } else {
      readAll(record, "readAsArrayBuffer", function (data) {
        against.record = new Uint8Array(data);
        done(against);
      });
    }
  };

  Input.prototype.take = function (bytes) {
    const input = this;
    this.complain("");
    this.check.many.clear();
    this.readAgainst(function (against) {
      input.check.check(bytes, against);
      input.check.scrollIntoView();
    });
  };

  Input.prototype.takeMany = function (files) {
    const input = this;
    this.complain("");
    this.readAgainst(function (against) {
      input.check.many.run(Array.prototype.slice.call(files), against, LARGEST_FILE);
    });
  };

  /* -- Texts -- */

  /* Takes what a code or a paste says; `isPaste` when a person means it to be a receipt whatever it looks like. */
  Input.prototype.takeText = function (text, isPaste) {
    const receipt = MZ.receiptOfCode(text);
    const address = /^https?:\/\/\S+$/i.test(text.trim()) ? text.trim() : "";
    if (receipt !== null) {
      this.take(receipt);
    } else if (address && this.isLinkOfOurs(address)) {
      location.assign(address);
    } else if (address) {
      this.complain(this.words.only_a_link + " " + address);
    } else if (isPaste || text.indexOf("c2sp.org/tlog-proof@") === 0) {
      this.take(bytesOfPaste(text));
    } else {
      this.complain(this.words.other_code);
    }
  };

  /* A slip's small code is a link to this site, which shows its receipt; a saved page has no site to go to. */
  Input.prototype.isLinkOfOurs = function (address) {
    return location.protocol !== "file:" && address.indexOf(location.origin + "/slips/") === 0;
  };

  /* Takes the receipt that stands behind the # of the page's address; returns whether there was one. */
  Input.prototype.takeAddress = function () {
    const receipt = MZ.receiptOfCode(location.hash.slice(1));
    if (receipt !== null) {
      this.take(receipt);
    }
    return receipt !== null;
  };

  Input.prototype.choose = function () {
    const file = this.file.files[0];
    const text = this.paste.value;
    const input = this;
    if (this.file.files.length > 1) {
      this.takeMany(this.file.files);
    } else if (file && /^image\//.test(file.type)) {
      this.takePhoto(file);
    } else if ((file ? file.size : text.length) > LARGEST_FILE) {
      this.complain(this.words.too_large);
    } else if (file) {
      readAll(file, "readAsArrayBuffer", function (data) {
        input.take(new Uint8Array(data));
      });
    } else if (text.trim()) {
      this.takeText(text, true);
    } else {
      this.complain(this.words.nothing_chosen);
    }
  };

  /* -- Codes -- */

  Input.prototype.withReader = function (done) {
    const input = this;
    if (self.jsQR) {
      done();
      return;
    }
    const script = document.createElement("script");
    script.src = this.form.dataset.reader;
    script.onload = done;
    script.onerror = function () {
      input.complain(input.words.broken_script);
    };
    document.head.appendChild(script);
  };

  /* Returns what the code in a picture or film says, or an empty text; the picture is shrunk to `widest` pixels. */
  function readCode(picture, width, height, widest, attempts) {
    const scale = Math.min(1, widest / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const seen = drawing.getImageData(0, 0, canvas.width, canvas.height);
    const code = self.jsQR(seen.data, seen.width, seen.height, { inversionAttempts: attempts });
    return code ? code.data : "";
  }

  Input.prototype.takePhoto = function (file) {
    const input = this;
    if (file.size > LARGEST_PHOTO) {
      this.complain(this.words.too_large);
      return;
    }
    this.complain("");
    this.check.say(this.words.reading_photo);
    // A data: address, because the page's policy lets no other picture in.
    readAll(file, "readAsDataURL", function (address) {
      const picture = new Image();
      picture.onload = function () {
        input.withReader(function () {
          const text = PHOTO_WIDTHS.reduce(function (found, widest) {
            return found || readCode(picture, picture.naturalWidth, picture.naturalHeight, widest, "attemptBoth");
          }, "");
          if (text) {
            input.takeText(text, false);
          } else {
            input.complain(input.words.no_code);
          }
        });
      };
      picture.onerror = function () {
        input.complain(input.words.no_code);
      };
      picture.src = address;
    });
  };

  /* Shows the camera's button where there is a camera to ask for; pressed again it closes. */
  Input.prototype.offerCamera = function (area) {
    const input = this;
    if (!area || !navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      return;
    }
    const button = area.querySelector("button");
    const video = area.querySelector("video");
    const says = area.querySelector("[data-scan-says]");
    let stream = null;
    let timer = 0;

    function close(words) {
      clearInterval(timer);
      if (stream) {
        stream.getTracks().forEach(function (track) {
          track.stop();
        });
      }
      stream = null;
      video.hidden = true;
      video.srcObject = null;
      button.setAttribute("aria-pressed", "false");
      says.textContent = words || "";
    }

    function look() {
      const text = video.videoWidth ? readCode(video, video.videoWidth, video.videoHeight, WIDEST, "dontInvert") : "";
      if (text) {
        close();
        input.takeText(text, false);
      }
    }

    function open() {
      const wanted = { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } };
      says.textContent = input.words.camera_wait;
      navigator.mediaDevices.getUserMedia({ video: wanted, audio: false }).then(
        function (granted) {
          stream = granted;
          input.withReader(function () {
            video.srcObject = stream;
            video.hidden = false;
            video.play();
            button.setAttribute("aria-pressed", "true");
            says.textContent = input.words.camera_hold;
            timer = setInterval(look, LOOK_EVERY_MS);
          });
        },
        function () {
          close(input.words.camera_denied);
        }
      );
    }

    button.addEventListener("click", function () {
      if (stream) {
        close();
      } else {
        open();
      }
    });
    self.addEventListener("pagehide", function () {
      close();
    });
    area.hidden = false;
  };
})((self.MZ = self.MZ || {}));
