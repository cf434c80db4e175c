//! The command `plmhead`: arguments in, an exit code out. The commands themselves are in `cli.rs`.

#![forbid(unsafe_code)]

mod cli;
#[cfg(feature = "encode")]
mod predict;
mod print;
#[cfg(feature = "serve")]
mod serve;
mod testee;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use cli::Failure;

fn main() -> ExitCode {
    let command = match cli::parse(lexopt::Parser::from_env()) {
        Ok(command) => command,
        Err(error) => {
            complain(format_args!("{error}\n{}", cli::USAGE));
            return ExitCode::from(2);
        }
    };
    let mut output = BufWriter::new(io::stdout().lock());
    let result = cli::run(command, &mut output);
    match result.and(output.flush().map_err(Failure::Output)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has had enough of it.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Reported) => ExitCode::FAILURE,
        Err(failure) => {
            complain(format_args!("{failure}"));
            ExitCode::FAILURE
        }
    }
}

/// Not eprintln!, which panics when standard error is closed.
fn complain(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "plmhead: {}", print::printable(&message.to_string()));
}
