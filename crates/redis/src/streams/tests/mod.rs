mod formats;
mod positions;
mod sessions;
