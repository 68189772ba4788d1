//! Intervals in cron's notation, which has only minutes of the hour and hours of the day. No IO.

/// The fields of cron for the nearest interval that cron supports. `$minute` is a random number, which differs from node to node.
pub(crate) fn fields(seconds: u64) -> String {
    let minutes = minutes(seconds);
    match minutes {
        1 => "* * * * *".into(),
        2..60 => format!("$((minute % {minutes}))-59/{minutes} * * * *"),
        60..1440 => format!("$((minute % 60)) */{} * * *", minutes / 60),
        _ => "$((minute % 60)) $((minute % 24)) * * *".into(),
    }
}

/// How the fields differ from an interval of `seconds`; `None` if they are exact.
pub(crate) fn deviation(seconds: u64) -> Option<String> {
    let minutes = minutes(seconds);
    let whole = seconds == minutes * 60;
    match (minutes, minutes / 60) {
        (1, _) if !whole => Some("it starts the agent every minute".into()),
        (1..60, _) if !60_u64.is_multiple_of(minutes) => Some(format!(
            "it counts {minutes} minutes from the start of each hour, so the last gap of an hour differs"
        )),
        (1..60, _) if !whole => Some(format!("it starts the agent every {minutes} minutes")),
        (60..1440, hours) if !24_u64.is_multiple_of(hours) => Some(format!(
            "it counts {hours} hours from the start of each day, so the last gap of a day differs"
        )),
        (60..1440, hours) if !whole || !minutes.is_multiple_of(60) => Some(match hours {
            1 => "it starts the agent every hour".into(),
            _ => format!("it starts the agent every {hours} hours"),
        }),
        (1440.., _) if seconds != 86_400 => Some("it starts the agent once a day".into()),
        _ => None,
    }
}

fn minutes(seconds: u64) -> u64 {
    seconds.div_ceil(60).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The minutes of three days at which cron would run with these fields, on a node with the minute `m`.
    fn runs(fields: &str, m: u64) -> Vec<u64> {
        let mut fields = fields.to_owned();
        while let Some((head, rest)) = fields.split_once("$((minute % ") {
            let (by, tail) = rest.split_once("))").unwrap();
            fields = format!("{head}{}{tail}", m % by.parse::<u64>().unwrap());
        }
        let fields: Vec<&str> = fields.split(' ').collect();
        let matches = |field: &str, value: u64| {
            let (range, step) = field.split_once('/').unwrap_or((field, "1"));
            let from = range.split('-').next().unwrap();
            let step: u64 = step.parse().unwrap();
            match (from.parse::<u64>(), range.contains('-')) {
                (Ok(from), true) => value >= from && (value - from).is_multiple_of(step),
                (Ok(from), false) => value == from,
                (Err(_), _) => value.is_multiple_of(step),
            }
        };
        (0..3 * 1440).filter(|at| matches(fields[0], at % 60) && matches(fields[1], at / 60 % 24)).collect()
    }

    #[test]
    fn an_interval_without_a_deviation_is_exact() {
        let (mut exact, mut others) = (0, 0);
        for seconds in (30..6 * 3600).step_by(30).chain((3600..4 * 86_400).step_by(1800)) {
            let steady = [0, 7, 59, 65_535].into_iter().all(|m| {
                let runs = runs(&fields(seconds), m);
                runs.windows(2).all(|pair| (pair[1] - pair[0]) * 60 == seconds)
            });
            assert_eq!(deviation(seconds).is_none(), steady, "{seconds}: {}", fields(seconds));
            if steady { exact += 1 } else { others += 1 }
        }
        assert!(exact > 15 && others > exact, "{exact} {others}");
    }

    #[test]
    fn the_deviation_is_described() {
        for (seconds, text) in [
            (45 * 60, "it counts 45 minutes from the start of each hour, so the last gap of an hour differs"),
            (90 * 60, "it starts the agent every hour"),
            (5 * 3600, "it counts 5 hours from the start of each day, so the last gap of a day differs"),
            (3 * 86_400, "it starts the agent once a day"),
            (30, "it starts the agent every minute"),
            (90, "it starts the agent every 2 minutes"),
        ] {
            assert_eq!(deviation(seconds).as_deref(), Some(text));
        }
    }
}
