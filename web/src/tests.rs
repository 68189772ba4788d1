use super::answer;
