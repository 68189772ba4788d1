//! What the browser calls. It writes a question into memory that [`alloc`] gives, and reads the answer of [`call`].

// The names of functions for the browser are attributes that the compiler counts as unsafe. The code here is not: both
// texts lie in vectors that stay until the next call.
#![allow(unsafe_code)]

use std::sync::Mutex;

/// Room for a question of `len` bytes. The room of an earlier question is given back.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(len: u32) -> *mut u8 {
    let mut question = QUESTION.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *question = vec![0; len as usize];
    question.as_mut_ptr()
}

/// Answers the question of `len` bytes at `place`, which [`alloc`] gave: four bytes with the length of the answer, the
/// lowest first, then the answer. The answer stays until the next call.
#[unsafe(no_mangle)]
pub extern "C" fn call(_place: *const u8, len: u32) -> *const u8 {
    let question = std::mem::take(&mut *QUESTION.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let text = String::from_utf8_lossy(question.get(..len as usize).unwrap_or_default());
    let text = crate::answer(&text);
    let mut answer = ANSWER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *answer = u32::try_from(text.len()).unwrap_or_default().to_le_bytes().to_vec();
    answer.extend(text.bytes());
    answer.as_ptr()
}

static QUESTION: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());
