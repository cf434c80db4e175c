#[path = "../../common.rs"]
mod common;

use common::Batch;
use tract_onnx::prelude::*;

type Plan = TypedRunnableModel<TypedModel>;

fn main() {
    common::measure(load, run);
}

fn load(path: &str) -> Plan {
    let mut model = tract_onnx::onnx().model_for_path(path).expect("a model");
    let (batch, length) = (model.symbols.sym("batch"), model.symbols.sym("length"));
    let fact = InferenceFact::dt_shape(i64::datum_type(), [batch.to_dim(), length.to_dim()]);
    for input in 0..2 {
        model.set_input_fact(input, fact.clone()).expect("a fact");
    }
    model.into_optimized().expect("an optimised model").into_runnable().expect("a plan")
}

fn run(plan: &mut Plan, batch: &Batch) -> Vec<f32> {
    let tensor =
        |values: &[i64]| Tensor::from_shape(&[batch.rows, batch.length], values).expect("a tensor").into_tvalue();
    let inputs = tvec!(tensor(&batch.ids), tensor(&batch.mask));
    let pooled = plan.run(inputs).expect("a result");
    pooled[0].as_slice::<f32>().expect("float32").to_vec()
}
