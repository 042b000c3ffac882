//! The client suite on the embedded chain, in process and over HTTP.

mod common;

use samebit_chain::{Client, Devnet};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_process() {
    let folder = tempfile::tempdir().unwrap();
    let devnet = Devnet::in_folder(folder.path()).start().await.unwrap();
    common::suite::run(devnet.client.clone()).await;
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http() {
    let folder = tempfile::tempdir().unwrap();
    let devnet =
        Devnet::in_folder(folder.path()).serve("127.0.0.1:0".parse().unwrap()).start().await.unwrap();
    let client = Client::connect(devnet.config.rpc_url.as_deref().unwrap()).await.unwrap();
    common::suite::run(client).await;
    devnet.stop().await;
}
