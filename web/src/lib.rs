//! User-data in a browser: a question as JSON → an answer as JSON. What it renders is what `stringless render` renders,
//! by the same code. No IO: the files, the time and the choices stand in the question.

#[cfg(target_arch = "wasm32")]
mod door;
mod example;
mod files;
mod names;
mod options;
mod question;
mod view;

use serde::Serialize;
use stringless_core::fault::Fault;
use stringless_core::time::Timestamp;
use stringless_render::choice::VERSION;
use stringless_render::platform::Platforms;

use self::question::Question;

/// Answers a question: `{"op": "catalogue"}` with all distros and clouds, `{"op": "names", …}` with what is known of
/// files, `{"op": "view", …}` with the user-data of a choice. Every answer is a JSON object; what cannot be answered is one with `error`.
#[must_use]
pub fn answer(question: &str) -> String {
    let answer = match serde_json::from_str(question) {
        Ok(Question::Catalogue { now }) => match Platforms::embedded() {
            Ok(platforms) => text(&catalogue(&platforms, now)),
            Err(fault) => text(&Refused { error: (&fault).into() }),
        },
        Ok(Question::Names { files }) => text(&names::names(&files)),
        Ok(Question::View(asked)) => text(&view::view(&asked)),
        Err(why) => text(&Refused { error: (&Fault::new(format!("reading the question: {why}"))).into() }),
    };
    answer.unwrap_or_else(|why| format!(r#"{{"error":{{"what":"writing the answer: {why}","hint":null}}}}"#))
}

fn text<T: Serialize>(answer: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(answer)
}

/// The answer to a question that cannot be answered.
#[derive(Serialize)]
struct Refused {
    error: Error,
}

/// Why something is refused.
#[derive(Serialize)]
struct Error {
    /// Gerund, object, cause.
    what: String,
    /// What to do.
    hint: Option<String>,
}

impl From<&Fault> for Error {
    fn from(fault: &Fault) -> Self {
        Self { what: fault.message.clone(), hint: fault.hint.clone() }
    }
}

/// What there is to choose from.
#[derive(Serialize)]
struct Catalogue<'a> {
    version: &'static str,
    distros: Vec<Distro<'a>>,
    clouds: Vec<Cloud<'a>>,
    example: Vec<example::Shown>,
}

#[derive(Serialize)]
struct Distro<'a> {
    id: &'a str,
    name: &'a str,
    /// The last day of its support, if that day is over; always null in a question without `now`.
    ended: Option<&'a str>,
}

#[derive(Serialize)]
struct Cloud<'a> {
    id: &'a str,
    name: &'a str,
    docs: &'a str,
}

fn catalogue(platforms: &Platforms, now: Option<u64>) -> Catalogue<'_> {
    let distros = platforms.distros.iter().map(|distro| Distro {
        id: &distro.id,
        name: &distro.name,
        ended: now.and_then(|now| distro.ended(Timestamp::from_seconds(now))),
    });
    let clouds =
        platforms.clouds.iter().map(|cloud| Cloud { id: &cloud.id, name: &cloud.name, docs: &cloud.docs });
    Catalogue {
        version: VERSION,
        distros: distros.collect(),
        clouds: clouds.collect(),
        example: example::shown(),
    }
}

#[cfg(test)]
mod tests;
