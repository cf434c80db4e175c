package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// canonical is the order of members in which faults are looked for (section 1).
var canonical = []string{"coef.npy", "intercept.npy", "classes.npy", "n_features_in.npy", "n_iter.npy"}

const (
	endSize     = 22
	centralSize = 46
	localSize   = 30
	zip64Size   = 20
	noSize      = 0xffffffff
)

type zipMember struct {
	data []byte
	crc  uint32
}

// container walks a ZIP. Offsets are 64-bit, so sums of 32-bit fields cannot wrap.
type container struct {
	src       []byte
	directory uint64
	end       uint64
	cursor    uint64
	position  uint64
	members   map[string]zipMember
}

func u16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }

func zipFault(code string, at uint64, format string, args ...any) error {
	return fail(code, fmt.Sprintf("npz@%d", at), format, args...)
}

// readZip is section 8; it returns the bytes of the five members.
func readZip(src []byte) (map[string][]byte, error) {
	z := &container{src: src, members: map[string]zipMember{}}
	count, err := z.endRecord()
	if err != nil {
		return nil, err
	}
	for range count {
		if err := z.entry(); err != nil {
			return nil, err
		}
	}
	if z.cursor != z.end {
		return nil, zipFault("ZIP_CENTRAL", z.cursor, "the directory goes on to %d", z.end)
	}
	if z.position != z.directory {
		return nil, zipFault("ZIP_LAYOUT", z.position, "the data ends here, the directory begins at %d", z.directory)
	}
	return z.collect()
}

// endRecord is Z1; it returns the number of entries.
func (z *container) endRecord() (int, error) {
	if len(z.src) < endSize {
		return 0, fail("ZIP_END", "npz", "%d bytes, expected at least %d", len(z.src), endSize)
	}
	z.end = uint64(len(z.src) - endSize)
	b := z.src[z.end:]
	size, offset := uint64(u32(b, 12)), uint64(u32(b, 16))
	switch {
	case string(b[:4]) != "PK\x05\x06":
		return 0, fail("ZIP_END", "npz", "no end record in the last %d bytes", endSize)
	case u16(b, 4) != 0 || u16(b, 6) != 0:
		return 0, fail("ZIP_END", "npz", "more than one disk")
	case u16(b, 8) != u16(b, 10):
		return 0, fail("ZIP_END", "npz", "entry counts %d and %d", u16(b, 8), u16(b, 10))
	case u16(b, 20) != 0:
		return 0, fail("ZIP_END", "npz", "comment length %d, expected 0", u16(b, 20))
	case offset+size != z.end:
		return 0, fail("ZIP_END", "npz", "directory %d + %d, expected its end at %d", offset, size, z.end)
	}
	z.directory, z.cursor = offset, offset
	return int(u16(b, 10)), nil
}

// entry is Z2 to Z6 for one entry of the directory.
func (z *container) entry() error {
	record, name, err := z.central()
	if err != nil {
		return err
	}
	if offset := uint64(u32(record, 42)); offset != z.position {
		return zipFault("ZIP_LAYOUT", z.cursor, "local header at %d, expected %d", offset, z.position)
	}
	start, err := z.local(record, name)
	if err != nil {
		return err
	}
	end := start + uint64(u32(record, 24))
	if end > z.directory {
		return zipFault("ZIP_LAYOUT", start, "the data ends at %d, the directory begins at %d", end, z.directory)
	}
	z.position = end
	if _, seen := z.members[name]; seen || !isMember(name) {
		return zipFault("ZIP_NAME", z.cursor, "the name %.80q", name)
	}
	z.members[name] = zipMember{z.src[start:end], u32(record, 16)}
	z.cursor += centralSize + uint64(len(name))
	return nil
}

func isMember(name string) bool {
	for _, known := range canonical {
		if name == known {
			return true
		}
	}
	return false
}

// central is Z2.
func (z *container) central() (record []byte, name string, err error) {
	if z.cursor+centralSize > z.end || string(z.src[z.cursor:z.cursor+4]) != "PK\x01\x02" {
		return nil, "", zipFault("ZIP_CENTRAL", z.cursor, "no directory record")
	}
	record = z.src[z.cursor : z.cursor+centralSize]
	nameEnd := z.cursor + centralSize + uint64(u16(record, 28))
	version, unixType := u16(record, 6), u32(record, 38)>>28
	switch {
	case u16(record, 30) != 0 || u16(record, 32) != 0 || nameEnd > z.end:
		err = zipFault("ZIP_CENTRAL", z.cursor, "extra, comment or name length")
	case u16(record, 8) != 0:
		err = zipFault("ZIP_FLAGS", z.cursor, "flags 0x%04x, expected 0", u16(record, 8))
	case u16(record, 10) != 0:
		err = zipFault("ZIP_METHOD", z.cursor, "method %d, expected 0", u16(record, 10))
	case version != 10 && version != 20 && version != 45:
		err = zipFault("ZIP_CENTRAL", z.cursor, "version needed %d, expected 10, 20 or 45", version)
	case u16(record, 34) != 0:
		err = zipFault("ZIP_CENTRAL", z.cursor, "disk %d, expected 0", u16(record, 34))
	case u32(record, 20) != u32(record, 24):
		err = zipFault("ZIP_CENTRAL", z.cursor, "sizes %d and %d", u32(record, 20), u32(record, 24))
	case u32(record, 38)&0x10 != 0 || unixType != 0 && unixType != 8:
		err = zipFault("ZIP_CENTRAL", z.cursor, "external attributes 0x%08x, expected a file", u32(record, 38))
	default:
		name = string(z.src[z.cursor+centralSize : nameEnd])
	}
	return record, name, err
}

// local is Z4; it returns where the data begins.
func (z *container) local(record []byte, name string) (uint64, error) {
	at := z.position
	if at+localSize > z.directory {
		return 0, zipFault("ZIP_LOCAL", at, "no room for a local header")
	}
	header := z.src[at : at+localSize]
	nameEnd := at + localSize + uint64(len(name))
	switch {
	case string(header[:4]) != "PK\x03\x04":
		return 0, zipFault("ZIP_LOCAL", at, "no local header")
	// Version needed, flags, method, time, date and CRC-32 lie in the same order in both records.
	case string(header[4:18]) != string(record[6:20]):
		return 0, zipFault("ZIP_LOCAL", at, "a field differs from the directory")
	case int(u16(header, 26)) != len(name) || nameEnd > z.directory:
		return 0, zipFault("ZIP_LOCAL", at, "name length %d, expected %d", u16(header, 26), len(name))
	case string(z.src[at+localSize:nameEnd]) != name:
		return 0, zipFault("ZIP_LOCAL", at, "the name differs from the directory")
	}
	return z.localSizes(record, header, nameEnd)
}

// localSizes accepts the two ways to state the size that Z4 names.
func (z *container) localSizes(record, header []byte, nameEnd uint64) (uint64, error) {
	size, extra := u32(record, 24), u16(header, 28)
	packed, plain := u32(header, 18), u32(header, 22)
	if packed == size && plain == size && extra == 0 {
		return nameEnd, nil
	}
	extraEnd := nameEnd + zip64Size
	if packed != noSize || plain != noSize || extra != zip64Size || extraEnd > z.directory {
		return 0, zipFault("ZIP_LOCAL", z.position, "sizes %d and %d, extra %d", packed, plain, extra)
	}
	want := append([]byte{1, 0, 16, 0}, make([]byte, 16)...)
	binary.LittleEndian.PutUint64(want[4:], uint64(size))
	binary.LittleEndian.PutUint64(want[12:], uint64(size))
	if string(z.src[nameEnd:extraEnd]) != string(want) {
		return 0, zipFault("ZIP_LOCAL", nameEnd, "the extra field does not state the size twice")
	}
	return extraEnd, nil
}

// collect is Z8 and Z9.
func (z *container) collect() (map[string][]byte, error) {
	for _, name := range canonical {
		if _, ok := z.members[name]; !ok {
			return nil, fail("ZIP_MISSING", name, "the member is absent")
		}
	}
	out := map[string][]byte{}
	for _, name := range canonical {
		m := z.members[name]
		if crc := crc32.ChecksumIEEE(m.data); crc != m.crc {
			return nil, fail("ZIP_CRC", name, "CRC-32 %08x, the directory says %08x", crc, m.crc)
		}
		out[name] = m.data
	}
	return out, nil
}
