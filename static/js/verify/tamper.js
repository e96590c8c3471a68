/* Changes one byte of a good receipt, for people who want to see that it no longer passes. */
(function (MZ) {
  "use strict";

  const TEXT_AROUND = 10; // bytes of text shown on either side of the changed one
  const HEX_AROUND = 3;
  const MINUTE = 11; // which digit of 2026-11-22T08:14:05.000Z is the last of the minutes

  function places(bytes, low, high) {
    return Array.from(bytes.keys()).filter(function (i) {
      return bytes[i] >= low && bytes[i] <= high;
    });
  }

  /* Where the digits of the event's time stand: with its lowest bit turned over a digit is another digit, and still reads. */
  function timePlaces(open) {
    const text = String.fromCharCode.apply(null, open.subarray(0, 1000)); // canonical order puts `at` first
    const start = text.indexOf('"at":"') + 6;
    const end = text.indexOf('"', start);
    return places(open, 0x30, 0x39).filter(function (i) {
      return i >= start && i < end;
    });
  }

  function everyPlace(bytes) {
    return places(bytes, 0, 0xff);
  }

  function isInsideCharacter(byte) {
    return byte >= 0x80 && byte < 0xc0;
  }

  /* Returns {left, right}, the text on either side of `place`, whole characters only. */
  function textAround(bytes, place) {
    let start = Math.max(0, place - TEXT_AROUND);
    let end = Math.min(bytes.length, place + 1 + TEXT_AROUND);
    while (isInsideCharacter(bytes[start])) {
      start -= 1;
    }
    while (end < bytes.length && isInsideCharacter(bytes[end])) {
      end += 1;
    }
    return {
      left: (start > 0 ? "…" : "") + MZ.parseUTF8(bytes.subarray(start, place)),
      right: MZ.parseUTF8(bytes.subarray(place + 1, end)) + (end < bytes.length ? "…" : "")
    };
  }

  function hexAround(bytes, place) {
    return {
      left: "…" + MZ.hex(bytes.subarray(Math.max(0, place - HEX_AROUND), place)),
      right: MZ.hex(bytes.subarray(place + 1, place + 1 + HEX_AROUND)) + "…"
    };
  }

  /* Returns the parts of a receipt that can be changed, in the order in which they are; `write` puts one back. */
  function partsOf(receipt, opening) {
    const note = MZ.parseNote(receipt.checkpoint);
    const checkpoint = MZ.parseCheckpoint(note.text);
    const lines = receipt.checkpoint.slice(note.text.length + 1, -1).split("\n");
    const line = lines.find(function (other) {
      return other.split(" ")[1] === checkpoint.origin; // a line of somebody unknown may change without harm
    });
    const signature = MZ.parseBase64((line || lines[0]).split(" ")[2]);

    function writeOpening() {
      receipt.extra = MZ.formatExtra(opening);
    }
    function writeRoot(before, after) {
      receipt.checkpoint = receipt.checkpoint.replace(MZ.formatBase64(before), MZ.formatBase64(after));
    }
    const parts = [
      { name: "root", bytes: checkpoint.root, places: everyPlace(checkpoint.root), write: writeRoot },
      { name: "signature", bytes: signature, places: everyPlace(signature).slice(4), write: writeRoot }
    ];
    if (receipt.path.length > 0) {
      parts.unshift({ name: "path", bytes: receipt.path[0], places: everyPlace(receipt.path[0]), write: function () {} });
    }
    if (opening) {
      parts.unshift(
        { name: "event", bytes: opening.open, places: timePlaces(opening.open), isText: true, write: writeOpening },
        { name: "salt", bytes: opening.openSalt, places: everyPlace(opening.openSalt), write: writeOpening }
      );
    }
    if (opening && opening.own) {
      const letters = places(opening.own, 0x62, 0x79);
      parts.splice(1, 0, { name: "own", bytes: opening.own, places: letters, isText: true, write: writeOpening });
    }
    return parts.filter(function (part) {
      return part.places.length > 0;
    });
  }

  /*
   * Returns a copy of the receipt `bytes` with the lowest bit of one byte turned over, and where: {bytes, part, place, left,
   * before, after, right}. `turn` counts the presses of the button and chooses the part; `random`, from 0 to 1, the place.
   */
  MZ.tamper = function (bytes, turn, random) {
    const receipt = MZ.parseReceipt(bytes);
    const parts = partsOf(receipt, MZ.isProofOfOthers(bytes) ? null : MZ.parseExtra(receipt.extra));
    const part = parts[turn % parts.length];
    const isFirst = turn === 0 && part.places.length > MINUTE;
    const place = part.places[isFirst ? MINUTE : Math.floor(random * part.places.length)];
    const original = Uint8Array.from(part.bytes);
    part.bytes[place] ^= 1;
    part.write(original, part.bytes);

    function spell(byte) {
      return part.isText ? String.fromCharCode(byte) : MZ.hex([byte]);
    }
    const around = (part.isText ? textAround : hexAround)(original, place);
    return {
      bytes: MZ.utf8(MZ.formatReceipt(receipt)),
      part: part.name,
      place: place + 1,
      left: around.left,
      before: spell(original[place]),
      after: spell(part.bytes[place]),
      right: around.right
    };
  };
})((self.MZ = self.MZ || {}));
