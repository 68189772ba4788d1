//! Damages valid values, controlled by the fuzzer's bytes. A value with damage in one place passes all checks
//! of other places; random bytes do not.

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};

/// Damages a JSON value in one to four places.
///
/// # Errors
/// The fuzzer's bytes are used up.
pub fn value(value: &mut Value, bytes: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..bytes.int_in_range(1..=4)? {
        let nodes = count(value);
        let other = pick(value, bytes.choose_index(nodes)?).clone();
        let node = pick(value, bytes.choose_index(nodes)?);
        match bytes.int_in_range(0..=7)? {
            0 => *node = strange(bytes)?,
            1 => *node = other,
            2 => *node = Value::String(bytes.arbitrary()?),
            3 => *node = json!(bytes.arbitrary::<u64>()?),
            4 => grow(node, bytes)?,
            5 => shrink(node, bytes)?,
            6 => rename(node, bytes)?,
            _ => splice_text(node, bytes)?,
        }
    }
    Ok(())
}

/// Damages bytes in one to four places: removes, repeats, flips, replaces or moves some.
///
/// # Errors
/// The fuzzer's bytes are used up.
pub fn bytes(whole: &mut Vec<u8>, bytes: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..bytes.int_in_range(1..=4)? {
        let from = bytes.int_in_range(0..=whole.len())?;
        let to = from + bytes.int_in_range(0..=(whole.len() - from).min(600))?;
        let part = whole[from..to].to_vec();
        match bytes.int_in_range(0..=4)? {
            0 => drop(whole.drain(from..to)),
            1 => drop(whole.splice(from..from, part)),
            2 => drop(whole.splice(from..to, bytes.arbitrary::<Vec<u8>>()?)),
            3 => {
                if let Some(byte) = whole.get_mut(from) {
                    *byte ^= 1 << bytes.int_in_range(0..=7)?;
                }
            }
            _ => {
                let at = bytes.int_in_range(0..=whole.len())?;
                drop(whole.splice(at..at, part));
            }
        }
    }
    Ok(())
}

/// Values that a parser may handle wrongly.
fn strange(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let long = "a/".repeat(520);
    let values = [
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(0.5),
        json!([]),
        json!({}),
        json!(""),
        json!("."),
        json!(".."),
        json!("../../etc/passwd"),
        json!("/etc/passwd"),
        json!("a\u{0}b"),
        json!("\u{202e}x"),
        json!(long),
        json!("9999-12-31T23:59:59Z"),
        json!("1970-01-01T00:00:00Z"),
        json!("s3://bucket"),
        json!("http://[::1]:80"),
        json!("18446744073709551615.0.0"),
    ];
    Ok(bytes.choose(&values)?.clone())
}

fn grow(node: &mut Value, bytes: &mut Unstructured<'_>) -> Result<()> {
    match node {
        Value::Array(items) => {
            if let Some(item) = items.first().cloned() {
                items.resize(items.len() + bytes.int_in_range(1..=20usize)?, item);
            }
        }
        Value::Object(map) => {
            map.insert(bytes.arbitrary()?, strange(bytes)?);
        }
        Value::Number(number) => {
            *node = json!(number.as_u64().unwrap_or_default().saturating_mul(bytes.arbitrary()?));
        }
        _ => {}
    }
    Ok(())
}

fn shrink(node: &mut Value, bytes: &mut Unstructured<'_>) -> Result<()> {
    match node {
        Value::Array(items) if !items.is_empty() => {
            items.remove(bytes.choose_index(items.len())?);
        }
        Value::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(bytes.choose_index(map.len())?).cloned();
            map.retain(|other, _| Some(other) != key.as_ref());
        }
        Value::String(text) => {
            text.pop();
        }
        _ => {}
    }
    Ok(())
}

fn rename(node: &mut Value, bytes: &mut Unstructured<'_>) -> Result<()> {
    let Value::Object(map) = node else { return Ok(()) };
    if map.is_empty() {
        return Ok(());
    }
    let n = bytes.choose_index(map.len())?;
    let name: String = bytes.arbitrary()?;
    let old: Map<String, Value> = std::mem::take(map);
    *map = old
        .into_iter()
        .enumerate()
        .map(|(at, (key, value))| (if at == n { name.clone() } else { key }, value))
        .collect();
    Ok(())
}

fn splice_text(node: &mut Value, bytes: &mut Unstructured<'_>) -> Result<()> {
    let Value::String(text) = node else { return Ok(()) };
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = *bytes.choose(&ends)?;
    text.insert_str(at, bytes.arbitrary()?);
    Ok(())
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// Node number `n`, counted from the root.
fn pick(value: &mut Value, n: usize) -> &mut Value {
    if n == 0 {
        return value;
    }
    let mut left = n - 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        let here = count(child);
        if left < here {
            return pick(child, left);
        }
        left -= here;
    }
    unreachable!("there are {n} nodes")
}
