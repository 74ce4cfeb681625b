//! Traces as they leave the processes: by OTLP, to a receiver that is not ours but the protocol's own.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

use crate::smoke::buy_books;
use crate::support::{Shop, wait_until};

/// What a checkout passes through. The last one is the gateway's webhook, which comes by itself, later.
const WAY: [(&str, &str); 5] = [
    ("orders", "POST /v1/orders"),
    ("catalog", "PUT /v1/reservations/{order_id}"),
    ("payments-stub", "POST /v1/payment_intents"),
    ("payments-stub", "POST /v1/payment_intents/{id}/confirm"),
    ("orders", "POST /v1/webhooks/gateway"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_one_trace_through_all_services_and_back_by_the_webhook() {
    let collector = Collector::start();
    let mut shop = Shop::new();
    let endpoint = format!("http://{}", collector.address);
    shop.variables.insert("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint);
    shop.variables.insert("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "50".to_owned());
    let running = shop.open(&[]);

    buy_books(&shop, &running);

    wait_until("one trace holds the whole way", || collector.trace_of(&WAY).is_some());
    wait_until("every span but the first has its parent in the trace", || {
        let spans = collector.trace_of(&WAY).unwrap();
        let known: HashSet<_> = spans.iter().map(|span| span.id.clone()).collect();
        let orphans = spans.iter().filter(|span| !known.contains(&span.parent));
        orphans.map(|span| span.parent.is_empty()).eq([true])
    });
}

#[derive(Clone, Debug)]
struct Span {
    service: String,
    name: String,
    serves: bool,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
}

/// An OTLP receiver that keeps what it is sent.
struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    fn start() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, devstack::free_port()));
        let spans = Arc::default();
        let service = TraceServiceServer::new(Received(Arc::clone(&spans)))
            .accept_compressed(CompressionEncoding::Gzip);
        tokio::spawn(tonic::transport::Server::builder().serve(address, service));
        Self { address, spans }
    }

    /// The spans of the first trace in which these requests were served.
    fn trace_of(&self, way: &[(&str, &str)]) -> Option<Vec<Span>> {
        let spans = self.spans.lock().unwrap();
        let ids: HashSet<_> = spans.iter().map(|span| span.trace.clone()).collect();
        let traces = ids
            .into_iter()
            .map(|id| spans.iter().filter(|span| span.trace == id).cloned().collect::<Vec<_>>());
        let mut whole = traces.filter(|trace| {
            way.iter().all(|(service, name)| {
                trace
                    .iter()
                    .any(|span| span.serves && span.service == *service && span.name == *name)
            })
        });
        whole.next()
    }
}

struct Received(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter().flat_map(read);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn read(group: ResourceSpans) -> Vec<Span> {
    let attributes = group.resource.unwrap().attributes;
    let name = attributes.into_iter().find(|attribute| attribute.key == "service.name").unwrap();
    let Some(Value::StringValue(service)) = name.value.unwrap().value else {
        panic!("service.name is no text");
    };
    let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
    let read = spans.map(|span| Span {
        service: service.clone(),
        serves: span.kind() == SpanKind::Server,
        name: span.name,
        trace: span.trace_id,
        id: span.span_id,
        parent: span.parent_span_id,
    });
    read.collect()
}
