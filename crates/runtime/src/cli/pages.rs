//! The pages over HTTP, from `--dashboard-address`, `--dashboard-prefix`, `--use-xheaders` and Dask's configuration.

use std::net::IpAddr;

use super::error::CommandError;
use super::listen;
use super::scheduler::Arguments;
use crate::comm::{PageTls, Pem};
use crate::config::{Config, Setting};
use crate::dashboard::{Modules, Settings};

const ROUTES: &str = "distributed.scheduler.http.routes";
const ORIGINS: &str = "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin";

/// The settings of the pages of a scheduler that listens at this address.
///
/// # Errors
/// When a flag or a setting cannot be used.
pub fn settings(arguments: &Arguments, scheduler: IpAddr, config: &Config) -> Result<Settings, CommandError> {
    let defaults = Settings::at(listen::dashboard(&arguments.dashboard_address, scheduler)?);
    let origins = config.texts(ORIGINS)?;
    Ok(Settings {
        tls: tls(config)?,
        prefix: Settings::prefix_of(&arguments.dashboard_prefix),
        x_headers: x_headers(arguments.use_xheaders.as_deref())?,
        modules: modules(config)?,
        namespace: config.text("distributed.dashboard.prometheus.namespace")?.unwrap_or(defaults.namespace),
        websocket_origins: if origins.is_empty() { defaults.websocket_origins } else { origins },
        ..defaults
    })
}

/// Certificates, if one is named.
fn tls(config: &Config) -> Result<Option<PageTls>, CommandError> {
    let pem = |named| Ok::<_, CommandError>(config.text(named)?.map(|value| Pem { named, value }));
    let ca = pem("distributed.scheduler.dashboard.tls.ca-file")?;
    let key = pem("distributed.scheduler.dashboard.tls.key")?;
    let Some(cert) = pem("distributed.scheduler.dashboard.tls.cert")? else { return Ok(None) };
    Ok(Some(PageTls::load(ca.as_ref(), &cert, key.as_ref())?))
}

/// What is served. What is named and not there is told, and nothing else is kept from starting.
fn modules(config: &Config) -> Result<Modules, CommandError> {
    if config.value(ROUTES).is_none() {
        return Ok(Modules::default());
    }
    let mut modules = Modules::NONE;
    for name in config.texts(ROUTES)? {
        if !modules.serve(&name) {
            tracing::warn!("the routes of {name} ({ROUTES}) are not served: they need a scheduler written in Python");
        }
    }
    Ok(modules)
}

fn x_headers(text: Option<&str>) -> Result<bool, CommandError> {
    let Some(text) = text else { return Ok(false) };
    Setting::Text(text.to_ascii_lowercase()).flag().ok_or_else(|| CommandError::Unfit {
        flag: "--use-xheaders",
        value: text.to_owned(),
        cause: "it is true or false".to_owned(),
    })
}
