// A shared link (SMART Health Link): what it says, and opening what was sealed for it. Pure but for the browser's WebCrypto.
// Sources: SMART Health Cards and Links IG (HL7, STU 1); RFC 7516, 3.1 (compact JWE), RFC 7518, 4.5 and 5.3 (dir, A256GCM).

export const LONGEST = 4 * 1024 * 1024; // bytes that a document may unpack to

export class Refused extends Error {
  // `name` is the word that says why: no_link, bad_link, newer, elsewhere, unreadable.
  constructor(name) {
    super(name);
    this.why = name;
  }
}

export function bytesOf(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Refused("bad_link");
  const padded = text.replace(/-/g, "+").replace(/_/g, "/") + "===".slice((text.length + 3) % 4);
  return Uint8Array.from(atob(padded), (c) => c.charCodeAt(0));
}

function textOf(bytes) {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

// Returns what stands behind the # of an address: {url, key, flag, exp, label}. `origin` is this site's: no other's links are
// asked for here, so that this page can be led to no other server.
export function parseLink(fragment, origin) {
  const found = /shlink:\/([A-Za-z0-9_-]+)=*$/.exec(fragment);
  if (!fragment.replace(/^#/, "")) throw new Refused("no_link");
  if (!found) throw new Refused("bad_link");
  let said;
  try {
    said = JSON.parse(textOf(bytesOf(found[1])));
  } catch (error) {
    throw new Refused("bad_link");
  }
  if (said === null || typeof said !== "object") throw new Refused("bad_link");
  if (said.v !== undefined && said.v !== 1) throw new Refused("newer");
  if (typeof said.url !== "string" || typeof said.key !== "string" || said.key.length !== 43) throw new Refused("bad_link");
  let address;
  try {
    address = new URL(said.url);
  } catch (error) {
    throw new Refused("bad_link");
  }
  if (address.origin !== origin) throw new Refused("elsewhere");
  return {
    url: said.url,
    key: said.key,
    flag: typeof said.flag === "string" ? said.flag : "",
    exp: typeof said.exp === "number" ? said.exp : 0,
    label: typeof said.label === "string" ? said.label.slice(0, 80) : "",
  };
}

// Returns the text that was sealed. `inflate(bytes, limit)` unpacks raw DEFLATE.
export async function openSealed(sealed, key, inflate) {
  const parts = sealed.trim().split(".");
  try {
    if (parts.length !== 5 || parts[1] !== "") throw new Refused("unreadable");
    const header = JSON.parse(textOf(bytesOf(parts[0])));
    if (header.alg !== "dir" || header.enc !== "A256GCM" || (header.zip !== undefined && header.zip !== "DEF")) throw new Refused("unreadable");
    const [nonce, body, tag] = parts.slice(2).map(bytesOf);
    const joined = new Uint8Array(body.length + tag.length);
    joined.set(body);
    joined.set(tag, body.length);
    const held = await crypto.subtle.importKey("raw", bytesOf(key), "AES-GCM", false, ["decrypt"]);
    const how = { name: "AES-GCM", iv: nonce, additionalData: new TextEncoder().encode(parts[0]), tagLength: 128 };
    const plain = new Uint8Array(await crypto.subtle.decrypt(how, held, joined));
    return textOf(header.zip === "DEF" ? Uint8Array.from(inflate(plain, LONGEST)) : plain);
  } catch (error) {
    throw new Refused("unreadable");
  }
}

// Returns a document whose numbers are texts, so that 6.10 stays 6.10.
export function parseDocument(text) {
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (one) => (one[0] === '"' ? one : '"' + one + '"')));
}
