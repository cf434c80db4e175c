package main

import "strconv"

// checkAgreement is section 11: the config against the arrays.
func (h *head) checkAgreement() error {
	root := h.cfg.root
	if embedding := root.get("embedding"); embedding.kind == kindObject {
		if d := embedding.get("dimension").number; d != float64(h.n) {
			return fail("FIELD_MISMATCH", "/embedding/dimension", "%v, coef has %d columns", d, h.n)
		}
	}
	if err := h.checkWeights(root.get("class_weight")); err != nil {
		return err
	}
	scores := []expectedLength{{"decision", h.rows}, {"probability", len(h.classes)}}
	if err := checkRecords(root.get("self_test"), "/self_test", scores); err != nil {
		return err
	}
	golden := append([]expectedLength{{"embedding", min(16, h.n)}}, scores...)
	if err := checkRecords(root.get("golden"), "/golden", golden); err != nil {
		return err
	}
	if training := root.get("training"); training != nil && training.get("rows_by_class") != nil {
		return checkLength(training, "/training", expectedLength{"rows_by_class", len(h.classes)})
	}
	return nil
}

// checkWeights is G2: the names are a subsequence of the classes' keys.
func (h *head) checkWeights(weights *value) error {
	next := 0
	for _, m := range weights.members {
		for next < len(h.classes) && h.classes[next].key() != m.name {
			next++
		}
		if next == len(h.classes) {
			return fail("FIELD_MISMATCH", child("/class_weight", m.name), "no class, or not in class order")
		}
		next++
	}
	return nil
}

type expectedLength struct {
	name   string
	length int
}

// checkRecords takes null, which golden may be, as an array without records.
func checkRecords(records *value, at string, expected []expectedLength) error {
	for j, record := range records.items {
		for _, e := range expected {
			if err := checkLength(record, child(at, strconv.Itoa(j)), e); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkLength(object *value, at string, e expectedLength) error {
	if found := len(object.get(e.name).items); found != e.length {
		return fail("FIELD_MISMATCH", child(at, e.name), "%d values, expected %d", found, e.length)
	}
	return nil
}
