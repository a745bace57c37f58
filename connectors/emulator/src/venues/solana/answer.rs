//! Answers and refusals of JSON-RPC.

use serde_json::{Value, json};

use crate::chain::Block;

/// What the node calls itself.
pub(super) const API_VERSION: &str = "3.0.11";

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RpcError {
    code: i32,
    message: String,
    data: Option<Value>,
}

/// What a method gives.
pub(super) type Answer = Result<Value, RpcError>;

impl RpcError {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// With details.
    pub(super) fn with(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }

    /// The request is none.
    pub(super) fn invalid_request() -> Self {
        Self::new(-32600, "Invalid request")
    }

    /// There is no such method.
    pub(super) fn no_method() -> Self {
        Self::new(-32601, "Method not found")
    }

    /// Parameters that cannot be.
    pub(super) fn invalid_params(why: impl Into<String>) -> Self {
        Self::new(-32602, why)
    }

    /// As an object.
    pub(super) fn json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        error
    }
}

/// The envelope around an answer. `id` is JSON text.
pub(super) fn envelope(answer: &Answer, id: &str) -> String {
    match answer {
        Ok(result) => format!("{{\"jsonrpc\":\"2.0\",\"result\":{result},\"id\":{id}}}"),
        Err(error) => format!("{{\"jsonrpc\":\"2.0\",\"error\":{},\"id\":{id}}}", error.json()),
    }
}

/// A value with the slot that it is about.
pub(super) fn with_context(block: &Block, value: Value) -> Value {
    let mut answer = json!({ "context": { "apiVersion": API_VERSION, "slot": block.slot } });
    answer["value"] = value;
    answer
}
