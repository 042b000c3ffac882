//! A job file. What it names lies nowhere.

use samebit_recipe::{Job, Outline};
use std::path::Path;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = Path::new("/nowhere/job.yaml");
    let Ok(job) = Job::parse(text, file) else { return };
    let outline = Outline::parse(text, file, &job.model.config).expect("the same keys");
    assert_eq!((&outline.training, outline.segment_steps), (&job.training, job.segment_steps));
}
