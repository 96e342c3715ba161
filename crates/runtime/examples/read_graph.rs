//! Reads graphs as the scheduler does, without the scheduler: for measuring the executor.
//!
//!     cargo run --release -p cenote --example read_graph -- python3
//!
//! prints `ready` when its executor is. For each line on the standard input, the name of a file that holds what a client
//! says of a graph, it reads that graph and prints how many tasks it has; it ends with the input.

use std::error::Error;
use std::io::stdin;

use bytes::BytesMut;
use cenote::core::protocol::batch::Batch;
use cenote::core::protocol::client::{FromClient, UpdateGraph};
use cenote::core::protocol::frame::{Decoded, Decoder};
use cenote::executor::{Executor, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let python = std::env::args_os().nth(1).ok_or("the name of an interpreter is missing")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let executor = Executor::start(Settings { python, ..Settings::default() }).await?;
        println!("ready");
        for line in stdin().lines() {
            let graph = said(&std::fs::read(line?)?)?;
            match executor.materialize(graph, "the benchmark").await {
                Ok(graph) => println!("{}", graph.len()),
                Err(error) => return Err(format!("{error:?}").into()),
            }
        }
        Ok(())
    })
}

fn said(bytes: &[u8]) -> Result<UpdateGraph, Box<dyn Error>> {
    let Decoded::Message(frames) = Decoder::default().decode(&mut BytesMut::from(bytes))? else {
        return Err("the message is cut off".into());
    };
    match Batch::new(&frames)?.next().ok_or("the message is empty")?? {
        FromClient::UpdateGraph(graph) => Ok(graph),
        _ => Err("the message is about no graph".into()),
    }
}
