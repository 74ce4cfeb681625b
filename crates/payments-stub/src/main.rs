//! The payment gateway as a program of its own; `backbone up` runs the same library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    chassis::boot::main(payments_stub::DESCRIPTION, std::env::args().skip(1), payments_stub::run)
}
