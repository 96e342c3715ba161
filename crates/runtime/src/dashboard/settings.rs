//! Settings of the pages over HTTP, by Dask's names for them.

use std::net::SocketAddr;

use crate::comm::PageTls;

/// What is served besides the pages for people: what Dask calls modules of routes.
#[expect(clippy::struct_excessive_bools, reason = "each is a module of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modules {
    /// `/health`.
    pub health: bool,
    /// `/metrics`.
    pub metrics: bool,
    /// `/json`.
    pub json: bool,
    /// `/info`, and the pages for people.
    pub info: bool,
    /// `/api/v1`, which changes things.
    pub api: bool,
    /// `/statics`.
    pub statics: bool,
}

impl Modules {
    /// Nothing.
    pub const NONE: Self = Self { health: false, metrics: false, json: false, info: false, api: false, statics: false };

    /// Serves what Dask serves under the name of this module of Python as well. False if there is nothing here that
    /// does what it does.
    pub fn serve(&mut self, module: &str) -> bool {
        match module {
            "distributed.http.health" => self.health = true,
            "distributed.http.scheduler.prometheus" => self.metrics = true,
            "distributed.http.scheduler.json" => self.json = true,
            "distributed.http.scheduler.info" => self.info = true,
            "distributed.http.scheduler.api" => self.api = true,
            "distributed.http.statics" => self.statics = true,
            // Pages of workers are linked to, not passed on; and there is no dashboard that could be missing.
            "distributed.http.proxy" | "distributed.http.scheduler.missing_bokeh" => {}
            _ => return false,
        }
        true
    }
}

impl Default for Modules {
    /// What Dask serves unless it is told otherwise.
    fn default() -> Self {
        Self { health: true, metrics: true, json: true, info: true, api: false, statics: true }
    }
}

/// What can be set of the pages over HTTP.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificates, if the pages are encrypted.
    pub tls: Option<PageTls>,
    /// What stands before all paths: nothing, or a path such as `/dask`, without a slash at its end.
    pub prefix: String,
    /// Whether a proxy before it is believed who has asked, and by which scheme and name.
    pub x_headers: bool,
    /// What is served.
    pub modules: Modules,
    /// The first word of the names of all metrics.
    pub namespace: String,
    /// The pages of which hosts may open a stream of events: names, with or without a port, or `*`.
    pub websocket_origins: Vec<String>,
}

impl Settings {
    /// Dask's defaults, at this address.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            prefix: String::new(),
            x_headers: false,
            modules: Modules::default(),
            namespace: "dask".to_owned(),
            websocket_origins: vec!["*".to_owned()],
        }
    }

    /// A prefix as it is written before paths.
    pub fn prefix_of(text: &str) -> String {
        let trimmed = text.trim_matches('/');
        if trimmed.is_empty() { String::new() } else { format!("/{trimmed}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_known_by_their_names_in_dask() {
        let mut modules = Modules::NONE;
        assert!(modules.serve("distributed.http.health") && modules.serve("distributed.http.scheduler.api"));
        assert_eq!(modules, Modules { health: true, api: true, ..Modules::NONE });
        assert!(!modules.serve("my.own.module"));
    }

    #[test]
    fn a_prefix_begins_with_a_slash_and_ends_with_none() {
        assert_eq!(["", "/", "foo", "/foo/", "a/b"].map(Settings::prefix_of), ["", "", "/foo", "/foo", "/a/b"]);
    }
}
