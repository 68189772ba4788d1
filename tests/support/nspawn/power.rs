//! How a machine is switched off and on again.

use std::process::Command;

use super::{COMMAND, Machine};
use crate::netns::CLOUD;
use crate::process::{succeed, until};

impl Machine {
    /// Shuts it down in order, within 30 seconds; its disk stays.
    pub fn shut_down(&mut self) {
        if let Some(mut running) = self.running.take() {
            // nspawn asks the machine's first process to power off.
            running.stop(crate::process::PATIENCE);
        }
    }

    /// Pulls the plug: nothing on it ends in order.
    pub fn pull_the_plug(&mut self) {
        self.switch_off();
    }

    /// The same as [`Self::shut_down`] where the first process is not systemd, and does not know how nspawn asks.
    ///
    /// # Panics
    /// When it is not off within ten minutes.
    pub fn halt(&mut self) {
        self.sh("init 0");
        let off =
            until(crate::process::PATIENCE, || self.running.as_mut().is_none_or(|it| it.ended().is_some()));
        assert!(off, "it does not shut down");
        self.running = None;
        // The last that it did was to make its disk read-only; the host mounted it, and shall have it back.
        let mut mount = Command::new("mount");
        succeed(mount.args(["-o", "remount,rw"]).arg(self.disk.root()), COMMAND);
        // It may also have switched off the wire, and the route is gone with it.
        let namespace = self.namespace.file_name().unwrap_or_default();
        for line in ["link set lo up", "link set eth0 up", &format!("route replace default via {CLOUD}")] {
            succeed(Command::new("ip").arg("-netns").arg(namespace).args(line.split(' ')), COMMAND);
        }
    }

    /// Shuts it down and boots it again from the same disk.
    pub fn reboot(&mut self) {
        self.shut_down();
        self.boot();
    }
}
