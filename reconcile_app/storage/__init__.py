"""What is kept on this computer: settings, secrets, workspace, journal, workbook, logs."""
