//! `http.request`: a request of a plugin to the API of the profile in use, or to another one that it declared.

use std::sync::Arc;

use astro_plugin_protocol::service::{HttpRequest, HttpResponse};

use super::{Call, to_value};
use crate::{
    api::{download, retry},
    base::error::{Result, failed},
    delivery::{
        Delivery,
        one_time::{self, OneTime},
    },
    host::port::Reply,
    net::runtime,
};

/// `http.request`; `bytes` came after the message.
pub(super) fn request(call: &Arc<Call>, request: HttpRequest, bytes: Vec<u8>, reply: Reply) {
    if let Some(refused) = request.refusal(&call.command) {
        return reply.send(Err(refused));
    }
    match runtime::handle() {
        Ok(runtime) => {
            let call = Arc::clone(call);
            // What may be sent once is waited for, whatever the plugin does meanwhile.
            let under_way = request.one_time_secret.is_some().then(|| UnderWay::new(&call));
            runtime.spawn(async move {
                match perform(&call, &request, &bytes).await {
                    Ok((response, Some(body))) => reply.send_with(to_value(response), &body),
                    Ok((response, None)) => reply.send(to_value(response)),
                    Err(failure) => reply.send(Err(call.api.advised(failure))),
                }
                drop(under_way);
            });
        }
        Err(failure) => reply.send(Err(failure)),
    }
}

async fn perform(
    call: &Call,
    request: &HttpRequest,
    bytes: &[u8],
) -> Result<(HttpResponse, Option<Vec<u8>>)> {
    if let Some(path) = &request.to_file {
        return download::perform(&call.api, request, path).await.map(|response| (response, None));
    }
    let Some(secret) = request.one_time_secret.as_ref() else {
        return retry::perform(&call.api, request, bytes).await;
    };
    let Some(delivery) = &call.delivery else {
        return Err(failed("there is nothing that could deliver a one-time secret"));
    };
    let (client, plugin, command) = (&call.api, call.plugin.as_str(), call.command.path.as_str());
    let one = OneTime { client, delivery, plugin, command, request, bytes, secret };
    one_time::perform(&one).await.map(|response| (response, None))
}

/// A request with a one-time secret that is under way; also when its task panics it ends.
struct UnderWay(Arc<Call>);

impl UnderWay {
    fn new(call: &Arc<Call>) -> Self {
        call.delivery.iter().for_each(Delivery::mark_sent);
        Self(Arc::clone(call))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let is_whole = !std::thread::panicking();
        self.0.delivery.iter().for_each(|delivery| delivery.mark_received(is_whole));
    }
}
