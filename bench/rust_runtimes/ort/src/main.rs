#[path = "../../common.rs"]
mod common;

use common::Batch;
use ort::session::Session;
use ort::value::Tensor;

fn main() {
    // ORT_DYLIB_PATH names the library.
    common::measure(|path| Session::builder().expect("a builder").commit_from_file(path).expect("a model"), run);
}

fn run(session: &mut Session, batch: &Batch) -> Vec<f32> {
    let tensor = |values: &[i64]| Tensor::from_array(([batch.rows, batch.length], values.to_vec())).expect("a tensor");
    let inputs = ort::inputs!["input_ids" => tensor(&batch.ids), "attention_mask" => tensor(&batch.mask)];
    let outputs = session.run(inputs).expect("a result");
    outputs["pooled"].try_extract_tensor::<f32>().expect("float32").1.to_vec()
}
