//! The picture of the graph, in the README: drawn from [`OrderState::EDGES`], never by hand.

use std::fmt::Write as _;

use super::OrderState;

/// The graph as a Mermaid diagram (<https://mermaid.js.org/syntax/stateDiagram.html>), which code forges show as a
/// picture.
pub fn mermaid() -> String {
    let mut text = String::from("stateDiagram-v2\n    [*] --> created\n");
    for (from, to) in OrderState::EDGES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {} --> {}", from.as_str(), to.as_str());
    }
    for state in OrderState::ALL.into_iter().filter(|state| state.is_final()) {
        let _ = writeln!(text, "    {} --> [*]", state.as_str());
    }
    text
}
