"""MoA+ for anybody's data: a clusterer of scikit-learn, and the commands that cluster pictures."""
