"""Programs that soak.py starts; that of Rust is rust-loader/examples/soak.rs."""
