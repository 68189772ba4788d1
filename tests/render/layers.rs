//! Several sites in one rendering: each form carries all of them, in their order.

use e2e::rendering::{BUCKET, Case, SCRIPT, WEB, site};
use stringless_render::platform::{Encoding, Form};
use stringless_render::render;
use stringless_render::request::Request;
use stringless_render::rerender::Rendering;
use stringless_render::site::CredentialKind;

#[test]
fn each_form_carries_all_layers_and_starts_the_agent_at_the_smallest_interval() {
    let case = Case::new(&site(WEB, SCRIPT, "node: {interval: 1h}\n")).between();
    for form in Form::ALL {
        let pair =
            case.platforms.pairs().find(|(distro, cloud)| case.request(distro, cloud, Some(form)).is_ok());
        let (distro, cloud) = pair.unwrap();
        let request =
            Request { encoding: Encoding::Plain, ..case.request(distro, cloud, Some(form)).unwrap() };
        let data = render(&request).unwrap();
        let name = format!("{} on {}, {}", distro.id, cloud.id, form.as_str());
        let rendering =
            Rendering::read(data.text.as_bytes()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let sites: Vec<&str> = rendering.config.layers.iter().map(|layer| layer.site.as_str()).collect();
        assert_eq!(sites, ["base", "example", "extra"], "{name}");
        assert_eq!(rendering.layer(&case.site.site).unwrap().min_serial, request.min_serial, "{name}");
        assert_eq!(rendering.compared(&request).unwrap(), [], "{name}");
        assert!(data.body.contains("--once --due"), "{name}");
        // Without one of them it would be another rendering.
        let fewer =
            stringless_render::layer::Layers { before: case.layers.before.clone(), after: Vec::new() };
        let findings = rendering.compared(&Request { layers: &fewer, ..request.clone() }).unwrap();
        assert!(findings.iter().any(|finding| finding.why.contains("`layers`")), "{name}: {findings:?}");
    }
}

#[test]
fn a_layer_that_is_read_by_a_role_is_refused_where_there_is_none() {
    let mut case = Case::new(&site(WEB, SCRIPT, "")).between();
    let private = Case::new(&site(BUCKET, SCRIPT, ""));
    let trust = case.layers.before[0].trust.clone();
    let layer = stringless_render::layer::from_site(&private.site, &private.environment, trust, 1).unwrap();
    case.layers.before[0].stores = layer.stores;
    let (mut refused, mut rendered) = (0, 0);
    for (distro, cloud) in case.platforms.pairs() {
        let Ok(request) = case.request(distro, cloud, None) else { continue };
        let role = cloud.credentials.contains(&CredentialKind::InstanceRole);
        match render(&request) {
            Ok(_) => {
                assert!(role, "{} on {}", distro.id, cloud.id);
                rendered += 1;
            }
            Err(fault) => {
                assert!(!role && fault.message.contains("the layer `base`"), "{}: {fault}", cloud.id);
                refused += 1;
            }
        }
    }
    assert!(refused > 10 && rendered > 10, "{refused} {rendered}");
}
