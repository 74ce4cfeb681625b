//! The only place where the catalog chooses statuses.

use actix_web::http::StatusCode;
use chassis::Problem;
use chassis::problem::{self, ProblemType};

use crate::domain::ReserveError;
use crate::domain::reservation::InvalidLines;

const INSUFFICIENT_STOCK: ProblemType =
    ProblemType::new("insufficient-stock", StatusCode::CONFLICT, "There are not enough copies");
const RESERVATION_CONFLICT: ProblemType = ProblemType::new(
    "reservation-conflict",
    StatusCode::CONFLICT,
    "The reservation does not allow this",
);

impl From<ReserveError> for Problem {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Insufficient(shortages) => {
                let shortages = serde_json::to_value(shortages).unwrap_or_default();
                Self::new(INSUFFICIENT_STOCK).extension("shortages", shortages)
            }
            ReserveError::UnknownBook => {
                Self::new(problem::INVALID_REQUEST).error("/lines", error.to_string())
            }
            ReserveError::OtherLines | ReserveError::Ended(_) => {
                Self::new(RESERVATION_CONFLICT).detail(error.to_string())
            }
            ReserveError::Unknown => Self::new(problem::NOT_FOUND),
            ReserveError::Database(error) => error.into(),
        }
    }
}

impl From<InvalidLines> for Problem {
    fn from(InvalidLines(faults): InvalidLines) -> Self {
        faults.into_iter().fold(Self::new(problem::INVALID_REQUEST), |problem, (index, detail)| {
            let pointer =
                index.map_or_else(|| "/lines".to_owned(), |index| format!("/lines/{index}"));
            problem.error(pointer, detail)
        })
    }
}
