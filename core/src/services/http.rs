//! `http.request`: a request of a plugin to the API of the profile in use.

use std::sync::Arc;

use astro_plugin_protocol::service::{HttpRequest, HttpResponse};

use super::{Call, to_value};
use crate::{
    api::retry,
    base::error::{Result, failed},
    delivery::{
        Delivery,
        one_time::{self, OneTime},
    },
    host::port::Reply,
    net::runtime,
};

/// `http.request`
pub(super) fn request(call: &Arc<Call>, request: HttpRequest, reply: Reply) {
    match runtime::handle() {
        Ok(runtime) => {
            let call = Arc::clone(call);
            // What may be sent once is waited for, whatever the plugin does meanwhile.
            let under_way = request.one_time_secret.is_some().then(|| UnderWay::new(&call));
            runtime.spawn(async move {
                let answer = perform(&call, &request).await;
                let answer = answer.map_err(|failure| call.api.advised(failure));
                reply.send(answer.and_then(to_value));
                drop(under_way);
            });
        }
        Err(failure) => reply.send(Err(failure)),
    }
}

async fn perform(call: &Call, request: &HttpRequest) -> Result<HttpResponse> {
    let Some(secret) = request.one_time_secret.as_ref() else {
        return retry::perform(&call.api, request).await;
    };
    let Some(delivery) = &call.delivery else {
        return Err(failed("there is nothing that could deliver a one-time secret"));
    };
    let (client, plugin, command) = (&call.api, call.plugin.as_str(), call.command.path.as_str());
    one_time::perform(&OneTime { client, delivery, plugin, command, request, secret }).await
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
