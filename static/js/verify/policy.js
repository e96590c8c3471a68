/* Policies (c2sp.org/tlog-policy): which logs are accepted, and how many of which witnesses are enough. */
(function (MZ) {
  "use strict";

  const NO_QUORUM = "none";
  const COSIGNATURE = 0x04;
  const MOST_LINES = 10000;

  function refuse() {
    throw new MZ.Malformed("policy");
  }

  /* Tells whether a text is meant to be a policy, and not a list of keys. */
  MZ.isPolicy = function (text) {
    return /^[ \t]*(log|witness|group|quorum)[ \t]/m.test(text);
  };

  function Reader() {
    this.logs = []; // null, too, for a key of a kind that cannot be checked here: it is none that is asked about
    this.witnesses = Object.create(null); // "__proto__" is a name like any other. name -> key; null for a key of a kind that cannot be checked here, which never counts
    this.groups = Object.create(null);
    this.order = []; // the names of the groups, as they follow each other
    this.quorum = null;
    this.members = Object.create(null);
    this.seen = { log: Object.create(null), witness: Object.create(null) };
  }

  function has(object, name) {
    return Object.prototype.hasOwnProperty.call(object, name);
  }

  Reader.prototype.isKnown = function (name) {
    return has(this.witnesses, name) || has(this.groups, name);
  };

  Reader.prototype.requireNew = function (name) {
    if (name === NO_QUORUM || this.isKnown(name)) {
      refuse();
    }
  };

  /* Returns the key, or null for one of another algorithm. The same key twice would let one witness count twice. */
  Reader.prototype.key = function (kind, text, type) {
    const typeAndKey = MZ.splitKey(text).typeAndKey;
    const isOurs = typeAndKey[0] === MZ.ED25519 || typeAndKey[0] === COSIGNATURE;
    const key = isOurs ? MZ.parseKey(text) : null;
    const bare = isOurs ? MZ.hex(key.publicKey) : MZ.hex(typeAndKey);
    if ((key && key.type !== type) || has(this.seen[kind], bare)) {
      refuse();
    }
    this.seen[kind][bare] = true;
    if (key) {
      key.text = text;
    }
    return key;
  };

  Reader.prototype.group = function (threshold, members) {
    const reader = this;
    members.forEach(function (member) {
      if (!reader.isKnown(member) || has(reader.members, member)) {
        refuse();
      }
      reader.members[member] = true;
    });
    const counts = { any: 1, all: members.length };
    const count = has(counts, threshold) ? counts[threshold] : Number(/^[1-9][0-9]{0,5}$/.test(threshold) && threshold);
    if (count < 1 || count > members.length) {
      refuse();
    }
    return { threshold: count, members: members };
  };

  Reader.prototype.read = function (words) {
    const kind = words[0];
    const size = words.length;
    if (kind === "log" && (size === 2 || size === 3)) {
      this.logs.push(this.key("log", words[1], MZ.ED25519));
    } else if (kind === "witness" && (size === 3 || size === 4)) {
      this.requireNew(words[1]);
      this.witnesses[words[1]] = this.key("witness", words[2], COSIGNATURE);
    } else if (kind === "group" && size >= 3) {
      this.requireNew(words[1]);
      this.groups[words[1]] = this.group(words[2], words.slice(3));
      this.order.push(words[1]);
    } else if (kind === "quorum" && size === 2 && this.quorum === null) {
      if (words[1] !== NO_QUORUM && !this.isKnown(words[1])) {
        refuse();
      }
      this.quorum = words[1];
    } else {
      refuse();
    }
  };

  /* Returns {logs, witnesses, groups, order, quorum} of a policy's text; throws MZ.Malformed. */
  MZ.parsePolicy = function (text) {
    const reader = new Reader();
    const lines = text.split("\n");
    if (lines.length > MOST_LINES || /[\u0000-\u0008\u000b-\u001f\u007f]/.test(text) || (text && !text.endsWith("\n"))) {
      refuse();
    }
    lines.forEach(function (line) {
      const words = line.split(/[ \t]+/).filter(Boolean);
      if (words.length > 0 && words[0][0] !== "#") {
        reader.read(words);
      }
    });
    if (reader.quorum === null) {
      refuse();
    }
    return { logs: reader.logs, witnesses: reader.witnesses, groups: reader.groups, order: reader.order, quorum: reader.quorum };
  };

  MZ.asksForWitnesses = function (policy) {
    return policy.quorum !== NO_QUORUM;
  };

  /* Returns the names, as the policy has them, of the witnesses whose keys are among `keys`. */
  MZ.namesOf = function (policy, keys) {
    return Object.keys(policy.witnesses).filter(function (name) {
      const key = policy.witnesses[name];
      return key !== null && keys.some(function (other) {
        return MZ.sameKey(key, other);
      });
    });
  };

  /* Tells whether these witnesses, by name, are enough of the policy's quorum. */
  MZ.isMet = function (policy, names) {
    const cosigned = Object.create(null);
    names.forEach(function (name) {
      cosigned[name] = true;
    });
    policy.order.forEach(function (name) {
      const group = policy.groups[name]; // its members stand above it: no depth of groups is too much for the stack
      cosigned[name] = group.members.filter(function (member) {
        return cosigned[member];
      }).length >= group.threshold;
    });
    return !MZ.asksForWitnesses(policy) || Boolean(cosigned[policy.quorum]);
  };
})((self.MZ = self.MZ || {}));
