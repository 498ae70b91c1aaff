mod seats;
mod settle;
