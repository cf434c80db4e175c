#[path = "../../common.rs"]
mod common;

use common::Batch;
use rten::Model;
use rten_tensor::NdTensor;

fn main() {
    common::measure(|path| Model::load_file(path).expect("a model"), run);
}

fn run(model: &mut Model, batch: &Batch) -> Vec<f32> {
    // int64 is taken as int32
    let tensor = |values: &[i64]| {
        NdTensor::from_data([batch.rows, batch.length], values.iter().map(|value| *value as i32).collect::<Vec<_>>())
    };
    let (ids, mask) = (tensor(&batch.ids), tensor(&batch.mask));
    let node = |name: &str| model.node_id(name).expect("a node of that name");
    let inputs = vec![(node("input_ids"), ids.into()), (node("attention_mask"), mask.into())];
    let [pooled] = model.run_n(inputs, [node("pooled")], None).expect("a result");
    let (_, values) = pooled.into_shape_vec::<f32, 2>().expect("float32, two axes");
    values
}
