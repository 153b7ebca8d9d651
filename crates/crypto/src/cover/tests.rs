mod growth;
mod model;
mod shape;
mod support;
mod vectors;
