mod growth;
mod model;
mod shape;
mod support;
