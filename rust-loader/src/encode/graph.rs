//! The edge to the ONNX runtime: rten, in Rust alone. `docs/encode-rust.md` says why this one.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rten::{Model, ModelOptions, NodeId};
use rten_tensor::NdTensor;

use crate::encode::EncodeError;
use crate::sequences::Tokens;

/// An opened graph.
pub(super) struct Graph {
    name: String,
    model: Model,
    inputs: [NodeId; 2],
    pooled: NodeId,
}

impl Graph {
    /// Opens a graph whose locations and ports have been checked. Nothing is read from a file.
    pub(super) fn open(name: &str, bytes: Vec<u8>, external: Vec<(String, Vec<u8>)>) -> Result<Graph, EncodeError> {
        let fault =
            |error: String| EncodeError::new("BUNDLE_GRAPH", name, format!("the runtime cannot open it: {error}"));
        let mut options = ModelOptions::with_all_ops();
        for (file, bytes) in external {
            options.external_data(&file, bytes);
        }
        let model = guarded(|| options.load(bytes).map_err(|error| error.to_string())).map_err(fault)?;
        let node = |name: &str| model.node_id(name).map_err(|error| fault(error.to_string()));
        let (inputs, pooled) = ([node("input_ids")?, node("attention_mask")?], node("pooled")?);
        Ok(Graph { name: name.to_string(), model, inputs, pooled })
    }

    /// The pooled vectors of a batch, `dimension` values a row, all finite.
    pub(super) fn run(&self, tokens: &Tokens, dimension: usize) -> Result<Vec<f32>, EncodeError> {
        let fault = |message: String| EncodeError::new("RUNTIME", &*self.name, message);
        // The runtime takes int64 for int32; ids are below 33.
        let tensor = |values: &[i64]| {
            let values: Vec<i32> = values.iter().map(|value| i32::try_from(*value).unwrap_or_default()).collect();
            NdTensor::from_data([tokens.rows, tokens.length], values)
        };
        let [ids, mask] = self.inputs;
        let run = || {
            let inputs = vec![(ids, tensor(&tokens.input_ids).into()), (mask, tensor(&tokens.attention_mask).into())];
            let [pooled] = self.model.run_n(inputs, [self.pooled], None).map_err(|error| error.to_string())?;
            let (shape, values) = pooled.into_shape_vec::<f32, 2>().map_err(|error| error.to_string())?;
            Ok((shape, values))
        };
        let (shape, values) = guarded(run).map_err(fault)?;
        if shape != [tokens.rows, dimension] || !values.iter().all(|value| value.is_finite()) {
            let expected = [tokens.rows, dimension];
            return Err(fault(format!(
                "found float32 of shape {shape:?}, expected finite values of shape {expected:?}"
            )));
        }
        Ok(values)
    }
}

/// A panic of the runtime is an error: a graph may hold what its authors did not think of.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("the runtime panicked".to_string()))
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("name", &self.name).finish_non_exhaustive()
    }
}
