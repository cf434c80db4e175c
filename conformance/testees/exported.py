"""A testee of the fast profile: each head is exported to ONNX, and onnxruntime scores it.

`python -m conformance.run --profile fast --testee "python -m conformance.testees.exported"`; it needs plmhead[interop,onnx].
Loads, descriptions and refusals are those of plmhead's loader, as a graph does no checks.
"""

import numpy as np
import onnxruntime

from plmhead import score, testee
from plmhead.onnx_export import to_onnx


class Exported(testee.Testee):
    def predict(self, request: dict[str, object]) -> dict[str, object]:
        strict = super().predict(request)  # refuses what has to be refused
        head, x = self.model(request), testee.read_rows(request["x"])
        threshold = testee.read_threshold(request["threshold"])
        graph = to_onnx(head, threshold=threshold, assay_type=request["assay_type"], input_type=x.dtype.name)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        names = ["decision", "probabilities", "label"]
        z, p, labels = session.run(names, {"X": x})
        assert len(labels) == len(strict["labels"])
        if not np.isfinite(z).all():
            raise testee.InputError("DECISION_NONFINITE", "/0", "the sum overflows in this order")
        return {
            "decision": score.bits(z),
            "probability": score.bits(p),
            "labels": [testee.label_object(label) for label in labels.tolist()],
        }


if __name__ == "__main__":
    testee.Testee = Exported
    testee.serve()
