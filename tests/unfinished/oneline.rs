
/// An unchanged site gives the same bytes at another time, but for the one line that holds the time.
#[test]
fn each_differs_in_one_line_from_the_same_at_another_time() {
    every_request(|name, request, data| {
        let later = Request { now: request.now.plus(3600), ..request.clone() };
        let other = render(&later).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(data.text.lines().count(), other.text.lines().count(), "{name}");
        let both = data.text.lines().zip(other.text.lines());
        let different: Vec<_> = both.filter(|(one, another)| one != another).collect();
        assert_eq!(different.len(), 1, "{name}: {different:#?}");
    });
}
