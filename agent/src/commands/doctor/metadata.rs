//! The cloud's metadata service, if the configuration names one.

use stringless_core::diagnosis::Finding;

use super::Node;
use crate::node::{self, MetadataState};

/// Asks the service.
pub fn look(node: &Node) -> Vec<Finding> {
    let Some(metadata) = &node.config.metadata else {
        return vec![Finding::ok(CHECK, "not used: the node's id does not come from it")];
    };
    vec![match node::look(metadata, &node.root, &node.io.http) {
        MetadataState::Elsewhere => {
            Finding::warning(CHECK, "not asked: the firmware shows a machine of another cloud", OTHER_CLOUD)
        }
        MetadataState::Answered(id) => Finding::ok(CHECK, format!("it answered: the instance is `{id}`")),
        MetadataState::Failed(why) => Finding::warning(CHECK, why, NO_ANSWER),
    }]
}

const CHECK: &str = "metadata";
const OTHER_CLOUD: &str = "render the user-data for the cloud that this machine runs on";
const NO_ANSWER: &str = "runs continue without it, with another node id; switch the service on for this machine, and \
                         let no firewall or proxy come between";
