use super::*;
use std::os::unix::process::ExitStatusExt;
use std::time::Instant;

fn said(stderr: &str) -> (String, bool) {
    let status = std::process::ExitStatus::from_raw(128 << 8);
    let failure = reason(&Output { status, stdout: Vec::new(), stderr: stderr.into() });
    (failure.why, failure.disk)
}

#[test]
fn a_full_disk_is_not_reported_as_a_failing_repository() {
    let full = "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n";
    assert_eq!(said(full), ("write error: No space left on device".into(), true));
    let later = "error: unable to write file\nfatal: cannot store pack file: Disk quota exceeded\n";
    assert_eq!(said(later), ("cannot store pack file: Disk quota exceeded".into(), true));
    let theirs = "remote: fatal: write error: No space left on device\nfatal: early EOF\n";
    assert_eq!(said(theirs), ("early EOF".into(), false));
    assert_eq!(said("a\nb\n"), ("b".into(), false));
    assert!(said("").0.starts_with("git ended with"));
}

#[test]
fn a_program_that_hangs_is_ended() {
    let limit = Duration::from_millis(200);
    for script in ["sleep 100", "exec sleep 100", "sleep 100 & exit 0"] {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begun = Instant::now();
        let error = finish(shell.spawn().unwrap(), b"", limit).unwrap_err();
        assert!(error.to_string().contains("did not finish"), "{script}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{script}");
    }
}
