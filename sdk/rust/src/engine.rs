// SPDX-License-Identifier: Apache-2.0
//! The thread that does the talking: a runtime of its own, so that callers need none.
use crate::error::{Error, Kind};
use std::future::Future;
use std::sync::mpsc;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct Engine {
    handle: Handle,
    _stop: oneshot::Sender<()>, // dropped with the last signer: the thread ends
}

/// Stops its task when the caller gives up waiting.
struct Stops<T>(JoinHandle<T>);

impl<T> Drop for Stops<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn ended() -> Error {
    Error::own(Kind::Connection, "no_connection", "the signer's thread has ended")
}

impl Engine {
    pub fn start() -> Result<Self, Error> {
        let config = |error: std::io::Error| Error::own(Kind::Config, "config", format!("no thread: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(config)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("claviger".into())
            .spawn(move || {
                let _ = runtime.block_on(stopped);
            })
            .map_err(config)?;
        Ok(Self { handle, _stop: stop })
    }

    pub async fn run<T: Send + 'static>(
        &self,
        act: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (send, receive) = oneshot::channel();
        let _stops = Stops(self.handle.spawn(async move {
            let _ = send.send(act.await);
        }));
        receive.await.unwrap_or_else(|_| Err(ended()))
    }

    pub fn wait<T: Send + 'static>(
        &self,
        act: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (send, receive) = mpsc::channel();
        self.handle.spawn(async move {
            let _ = send.send(act.await);
        });
        receive.recv().unwrap_or_else(|_| Err(ended()))
    }
}
