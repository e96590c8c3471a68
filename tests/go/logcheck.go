// Logcheck reads a transparency log of ours over HTTP and checks all of it with the tools of the Go project, which know
// nothing of hospitals: golang.org/x/mod/sumdb/note opens the checkpoint, golang.org/x/mod/sumdb/tlog the tree.
//
//	logcheck ADDRESS VKEY [OLD-CHECKPOINT | RECEIPT.tlog-proof | WITNESS-VKEY]...
//
// It proves every entry to be in the tree, the tree to continue each old checkpoint, and each receipt to hold. What held is
// one line each on standard output; the first thing that does not hold is said on standard error, and the exit code is 1.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height     = 8  // rows of the tree in a tile (c2sp.org/tlog-tiles)
	entrySize  = 33 // bytes (docs/log-format.md, section 2)
	sumdbTitle = "go.sum database tree\n"
)

var client = &http.Client{Timeout: 60 * time.Second}

// A site is the log behind an address that ends in a slash. It is a tlog.TileReader.
type site string

func (s site) get(path string) ([]byte, error) {
	answer, err := client.Get(string(s) + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, 1<<20))
}

func (s site) Height() int { return height }

func (s site) SaveTiles([]tlog.Tile, [][]byte) {}

// The database of checksums writes the height of a tile into its path; tlog-tiles has one height for all.
func (s site) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
		data, err := s.get("tile/" + path)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// entries returns the bundle numbered n, of which width entries exist.
func (s site) entries(n int64, width int) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: -1, N: n, W: width} // -1 is the level of data
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/data/", height))
	data, err := s.get("tile/entries/" + path)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for ; len(data) >= 2; width-- {
		size := int(binary.BigEndian.Uint16(data))
		if size != entrySize || len(data) < 2+size {
			return nil, fmt.Errorf("bundle %d: an entry of %d bytes", n, size)
		}
		all, data = append(all, data[2:2+size]), data[2+size:]
	}
	if width != 0 || len(data) != 0 {
		return nil, fmt.Errorf("bundle %d: %d entries are missing", n, width)
	}
	return all, nil
}

// A witness signs the time, too (c2sp.org/tlog-cosignature). It is a note.Verifier.
type witness struct {
	name string
	hash uint32
	key  note.Verifier // the same public key, as that of a log
}

// newWitness returns the verifier of a key of the kind 0x04, which x/mod does not know.
func newWitness(vkey string) (*witness, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("not a key: %s", vkey)
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 0x04 {
		return nil, fmt.Errorf("not the key of a witness: %s", vkey)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:4])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, fmt.Errorf("not the ID of its key: %s", vkey)
	}
	text, err := note.NewEd25519VerifierKey(parts[0], key[1:])
	if err != nil {
		return nil, err
	}
	plain, err := note.NewVerifier(text)
	return &witness{parts[0], hash, plain}, err
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }
func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+64 {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return w.key.Verify(append([]byte(head), msg...), sig[8:])
}

// A checker holds what the arguments named.
type checker struct {
	log       site
	verifiers []note.Verifier // the log's first
}

// open returns the tree that a checkpoint signs, and which known witnesses cosigned it.
func (c checker) open(checkpoint []byte) (tlog.Tree, []string, error) {
	opened, err := note.Open(checkpoint, note.VerifierList(c.verifiers...))
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	origin := c.verifiers[0].Name()
	isSigned, cosigners := false, []string{}
	for _, sig := range opened.Sigs {
		if sig.Name == origin && sig.Hash == c.verifiers[0].KeyHash() {
			isSigned = true
		} else {
			cosigners = append(cosigners, sig.Name)
		}
	}
	if !isSigned {
		return tlog.Tree{}, nil, fmt.Errorf("not signed by the log")
	}
	if !strings.HasPrefix(opened.Text, origin+"\n") {
		return tlog.Tree{}, nil, fmt.Errorf("not a checkpoint of %s", origin)
	}
	tree, err := tlog.ParseTree([]byte(sumdbTitle + strings.TrimPrefix(opened.Text, origin+"\n")))
	return tree, cosigners, err
}

// checkEntries proves each entry of the tree to be in it.
func (c checker) checkEntries(tree tlog.Tree, hashes tlog.HashReader) error {
	for n := int64(0); n<<height < tree.N; n++ {
		width := 1 << height
		if rest := tree.N - n<<height; rest < int64(width) {
			width = int(rest)
		}
		entries, err := c.log.entries(n, width)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			index := n<<height + int64(i)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				return fmt.Errorf("entry %d: %v", index, err)
			}
		}
	}
	return nil
}

// checkOld proves the tree to continue the one of an older checkpoint.
func (c checker) checkOld(data []byte, tree tlog.Tree, hashes tlog.HashReader) (int64, error) {
	old, _, err := c.open(data)
	if err != nil {
		return 0, err
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err != nil {
		return 0, err
	}
	return old.N, tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
}

// checkReceipt checks a receipt as docs/log-format.md, section 5, says, and returns the open part of its event.
func (c checker) checkReceipt(data []byte) (string, []string, error) {
	head, checkpoint, _ := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return "", nil, fmt.Errorf("not a receipt")
	}
	extra, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil || len(extra) < 35 {
		return "", nil, fmt.Errorf("extra: %v", err)
	}
	end := 35 + int(binary.BigEndian.Uint16(extra[33:35]))
	if len(extra) < end+32 {
		return "", nil, fmt.Errorf("extra ends early")
	}
	salt, opened, own := extra[1:33], extra[35:end], extra[end:]
	if extra[0] == 0x01 {
		sum := sha256.Sum256(append([]byte("mingzhen.own.v1\n"), own...)) // own_salt || own
		own = sum[:]
	} else if extra[0] != 0x02 || len(own) != 32 {
		return "", nil, fmt.Errorf("a form that does not exist")
	}
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte("mingzhen.event.v1\n"), salt, own, opened}, nil))
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return "", nil, err
	}
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return "", nil, err
		}
		path = append(path, hash)
	}
	tree, cosigners, err := c.open(checkpoint)
	if err != nil {
		return "", nil, err
	}
	leaf := tlog.RecordHash(append([]byte{0x01}, sum[:]...))
	return string(opened), cosigners, tlog.CheckRecord(path, tree.N, tree.Hash, index, leaf)
}

func run(address, vkey string, more []string) error {
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	c := checker{site(address), []note.Verifier{key}}
	var files []string
	for _, argument := range more {
		if w, err := newWitness(argument); err == nil {
			c.verifiers = append(c.verifiers, w)
		} else {
			files = append(files, argument)
		}
	}
	checkpoint, err := c.log.get("checkpoint")
	if err != nil {
		return err
	}
	tree, cosigners, err := c.open(checkpoint)
	if err != nil {
		return fmt.Errorf("checkpoint: %v", err)
	}
	hashes := tlog.TileHashReader(tree, c.log)
	if root, err := tlog.TreeHash(tree.N, hashes); err != nil || root != tree.Hash {
		return fmt.Errorf("tiles: their root is not that of the checkpoint (%v)", err)
	}
	if err := c.checkEntries(tree, hashes); err != nil {
		return err
	}
	fmt.Printf("log of %d entries, cosigned by %q\n", tree.N, cosigners)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if strings.HasSuffix(file, ".tlog-proof") {
			opened, cosigners, err := c.checkReceipt(data)
			if err != nil {
				return fmt.Errorf("receipt: %v", err)
			}
			fmt.Printf("receipt of %s, cosigned by %q\n", opened, cosigners)
			continue
		}
		size, err := c.checkOld(data, tree, hashes)
		if err != nil {
			return fmt.Errorf("old checkpoint: %v", err)
		}
		fmt.Printf("continues the tree of %d\n", size)
	}
	return nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: logcheck ADDRESS VKEY [OLD-CHECKPOINT | RECEIPT.tlog-proof | WITNESS-VKEY]...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
