"""A mixture of Gaussians, fitted by expectation maximisation. Needs numpy."""
from typing import NamedTuple

import numpy as np

REGULAR = 0.1  # added to the variances of standardised rows: other devices are a little different
STEPS = 60


class Mixture(NamedTuple):
    """Log density at x: log of the sum over i of exp(log_weight_i - |whitening_i (x - mean_i)|^2 / 2)."""
    mean: np.ndarray        # (N, S)
    whitening: np.ndarray   # (N, S, S)
    log_weight: np.ndarray  # (N)

    def log_density(self, rows: np.ndarray) -> np.ndarray:
        exponents = self._exponents(rows)
        most = exponents.max(1)
        return most + np.log(np.exp(exponents - most[:, None]).sum(1))

    def shares(self, rows: np.ndarray) -> np.ndarray:
        """(rows, N): how likely each Gaussian has made each row."""
        return np.exp(self._exponents(rows) - self.log_density(rows)[:, None])

    def _exponents(self, rows: np.ndarray) -> np.ndarray:
        squares = [(((rows - mean) @ whitening.T) ** 2).sum(1)
                   for mean, whitening in zip(self.mean, self.whitening)]
        return self.log_weight - np.stack(squares, 1) / 2


def from_shares(rows: np.ndarray, shares: np.ndarray) -> Mixture:
    width, means, whitenings, weights = rows.shape[1], [], [], []
    for share in shares.T:
        total = share.sum() + 1e-9
        mean = share @ rows / total
        centred = rows - mean
        covariance = (centred * share[:, None]).T @ centred / total + REGULAR * np.eye(width)
        whitening = np.linalg.inv(np.linalg.cholesky(covariance))
        means.append(mean)
        whitenings.append(whitening)
        weights.append(np.log(total / len(rows)) + np.log(np.diag(whitening)).sum()
                       - width / 2 * np.log(2 * np.pi))
    return Mixture(np.array(means), np.array(whitenings), np.array(weights))


def first_shares(rows: np.ndarray, n: int, random: np.random.Generator) -> np.ndarray:
    """One for the nearest of n centres, by k-means from rows that lie far apart."""
    centres = [rows[0]]
    for _ in range(n - 1):
        nearest = np.min([((rows - centre) ** 2).sum(1) for centre in centres], 0)
        centres.append(rows[random.choice(len(rows), p=nearest / nearest.sum())])
    centres = np.array(centres)
    for _ in range(20):
        distances = (centres ** 2).sum(1) - 2 * rows @ centres.T
        shares = np.eye(n)[distances.argmin(1)]
        centres = shares.T @ rows / np.maximum(shares.sum(0), 1)[:, None]
    return shares


def fit_mixture(rows: np.ndarray, n: int, seed: int = 1) -> Mixture:
    """Of rows (rows, S) as they are; inside they are standardised."""
    mean, deviation = rows.mean(0), rows.std(0) + 1e-6
    standard = (rows - mean) / deviation
    mixture = from_shares(standard, first_shares(standard, n, np.random.default_rng(seed)))
    for _ in range(STEPS):
        mixture = from_shares(standard, mixture.shares(standard))
    return Mixture(mixture.mean * deviation + mean, mixture.whitening / deviation,
                   mixture.log_weight)
