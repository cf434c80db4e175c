package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"syscall"
)

// The limits of R2.
const (
	maxConfig = 1048576
	maxNPZ    = 150994944
)

// loadFiles is R1: it reads each file once, the config first.
func loadFiles(npzPath, configPath string) (*head, error) {
	cfg, err := readFile(configPath, "config", maxConfig)
	if err != nil {
		return nil, err
	}
	npz, err := readFile(npzPath, "npz", maxNPZ)
	if err != nil {
		return nil, err
	}
	return load(cfg, npz)
}

// readFile stops one byte above the limit, which is enough for load to see that the file is too large.
func readFile(path, where string, limit int64) ([]byte, error) {
	// Without O_NONBLOCK opening a named pipe would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail("FILE_UNREADABLE", where, "%v", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fail("FILE_UNREADABLE", where, "%v", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fail("FILE_UNREADABLE", where, "%s is no regular file", path)
	}
	// Room for the whole file at once: growing step by step would hold a large one several times.
	data := bytes.NewBuffer(make([]byte, 0, min(info.Size(), limit)+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, fail("FILE_UNREADABLE", where, "%v", err)
	}
	return data.Bytes(), nil
}

// load runs sections 2 to 12 in their order.
func load(cfgBytes, npz []byte) (*head, error) {
	if len(cfgBytes) > maxConfig {
		return nil, fail("FILE_SIZE", "config", "more than %d bytes", maxConfig)
	}
	if len(npz) > maxNPZ {
		return nil, fail("FILE_SIZE", "npz", "more than %d bytes", maxNPZ)
	}
	cfg, err := readConfig(cfgBytes)
	if err != nil {
		return nil, err
	}
	if err := checkDigest(cfg, npz); err != nil {
		return nil, err
	}
	members, err := readZip(npz)
	if err != nil {
		return nil, err
	}
	arrays, err := readArrays(members, cfg.version0)
	if err != nil {
		return nil, err
	}
	h, err := newHead(cfg, arrays)
	if err != nil {
		return nil, err
	}
	return h, h.prove()
}

// checkDigest is H1; version 0 has no digest.
func checkDigest(cfg *config, npz []byte) error {
	if cfg.version0 {
		return nil
	}
	sum := sha256.Sum256(npz)
	found, stated := hex.EncodeToString(sum[:]), cfg.root.get("npz_sha256").text
	if found != stated {
		return fail("NPZ_DIGEST", "/npz_sha256", "the NPZ has %s, the config says %s", found, stated)
	}
	return nil
}

// prove is sections 11 and 12; version 0 has only E1 of them.
func (h *head) prove() error {
	if h.cfg.version0 {
		return checkEnvironment()
	}
	if err := h.checkAgreement(); err != nil {
		return err
	}
	if err := checkEnvironment(); err != nil {
		return err
	}
	return h.checkSelfTest()
}
